//go:build !purego

#include "textflag.h"

// func xorVector(p *byte, n int, k uint32)
//
// The payload is covered with whole vectors, of 64 octets with AVX-512 and of
// 32 with AVX2, so that no octet is done by itself and none outside is touched:
//
//	p                                                 p+n
//	|-- head --|                                       |
//	           |-- whole blocks, some at a time --|    |
//	                                       |-- tail --|
//
// Head and tail are XORed in registers before anything is stored, each with the
// key turned to where it stands: where they overlap a block, both hold the same
// octets. Up to eight vectors the blocks follow each other without a loop. Of
// longer payloads they are aligned, for many unaligned ones would touch two
// cache lines: the first is moved down to the boundary inside the head, which
// is then stored last.
//
// With AVX-512 only the registers from Z16 on are used: the lower ones would
// have to be cleared with VZEROUPPER.
//
//	DI  p       R8   the tail                        Z16, Y0  key for the blocks
//	DX  n       R9   the next block                  Z17, Y1  key for the tail
//	AX  k       R10  the last place for a whole turn Z18, Y2  head
//	BX  k turned by n mod 4 octets, for the tail     Z19, Y3  tail
TEXT ·xorVector(SB), NOSPLIT, $0-20
	MOVQ         p+0(FP), DI
	MOVQ         n+8(FP), DX
	MOVL         k+16(FP), AX
	LEAL         (DX*8), CX
	MOVL         AX, BX
	RORL         CX, BX
	CMPB         ·vector512(SB), $0
	JEQ          avx2

	LEAQ         -64(DI)(DX*1), R8
	VPBROADCASTD AX, Z16
	VPBROADCASTD BX, Z17
	VPXORD       (DI), Z16, Z18
	VPXORD       (R8), Z17, Z19
	CMPQ         DX, $128
	JA           over128
	VMOVDQU32    Z18, (DI)
	VMOVDQU32    Z19, (R8)
	RET

over128:
	CMPQ         DX, $512
	JA           over512
	VMOVDQU32    Z18, (DI)
	VPXORD       64(DI), Z16, Z20
	VMOVDQU32    Z20, 64(DI)
	CMPQ         DX, $192
	JBE          last64
	VPXORD       128(DI), Z16, Z20
	VMOVDQU32    Z20, 128(DI)
	CMPQ         DX, $256
	JBE          last64
	VPXORD       192(DI), Z16, Z20
	VMOVDQU32    Z20, 192(DI)
	CMPQ         DX, $320
	JBE          last64
	VPXORD       256(DI), Z16, Z20
	VMOVDQU32    Z20, 256(DI)
	CMPQ         DX, $384
	JBE          last64
	VPXORD       320(DI), Z16, Z20
	VMOVDQU32    Z20, 320(DI)
	CMPQ         DX, $448
	JBE          last64
	VPXORD       384(DI), Z16, Z20
	VMOVDQU32    Z20, 384(DI)
	CMPQ         DX, $512
	JBE          last64
	VPXORD       448(DI), Z16, Z20
	VMOVDQU32    Z20, 448(DI)

last64:
	VMOVDQU32    Z19, (R8)
	RET

over512:
	// Move the first block down to the boundary inside the head.
	LEAQ         64(DI), R9
	ANDQ         $~63, R9
	MOVL         R9, CX
	SUBL         DI, CX
	SHLL         $3, CX
	RORL         CX, AX
	VPBROADCASTD AX, Z16
	LEAQ         -192(R8), R10

	PCALIGN $32
loop64:
	VPXORD       (R9), Z16, Z24
	VPXORD       64(R9), Z16, Z25
	VPXORD       128(R9), Z16, Z26
	VPXORD       192(R9), Z16, Z27
	VMOVDQA32    Z24, (R9)
	VMOVDQA32    Z25, 64(R9)
	VMOVDQA32    Z26, 128(R9)
	VMOVDQA32    Z27, 192(R9)
	ADDQ         $256, R9
	CMPQ         R9, R10
	JBE          loop64

single64:
	CMPQ         R9, R8
	JAE          ends64
	VPXORD       (R9), Z16, Z24
	VMOVDQA32    Z24, (R9)
	ADDQ         $64, R9
	JMP          single64

ends64:
	VMOVDQU32    Z18, (DI)
	VMOVDQU32    Z19, (R8)
	RET

avx2:
	LEAQ         -32(DI)(DX*1), R8
	VMOVD        AX, X0
	VMOVD        BX, X1
	VPBROADCASTD X0, Y0
	VPBROADCASTD X1, Y1
	VPXOR        (DI), Y0, Y2
	VPXOR        (R8), Y1, Y3
	CMPQ         DX, $256
	JA           over256
	VMOVDQU      Y2, (DI)
	VPXOR        32(DI), Y0, Y4
	VMOVDQU      Y4, 32(DI)
	CMPQ         DX, $96
	JBE          last32
	VPXOR        64(DI), Y0, Y4
	VMOVDQU      Y4, 64(DI)
	CMPQ         DX, $128
	JBE          last32
	VPXOR        96(DI), Y0, Y4
	VMOVDQU      Y4, 96(DI)
	CMPQ         DX, $160
	JBE          last32
	VPXOR        128(DI), Y0, Y4
	VMOVDQU      Y4, 128(DI)
	CMPQ         DX, $192
	JBE          last32
	VPXOR        160(DI), Y0, Y4
	VMOVDQU      Y4, 160(DI)
	CMPQ         DX, $224
	JBE          last32
	VPXOR        192(DI), Y0, Y4
	VMOVDQU      Y4, 192(DI)
	CMPQ         DX, $256
	JBE          last32
	VPXOR        224(DI), Y0, Y4
	VMOVDQU      Y4, 224(DI)

last32:
	VMOVDQU      Y3, (R8)
	VZEROUPPER
	RET

over256:
	LEAQ         32(DI), R9
	CMPQ         DX, $512
	JB           start32
	ANDQ         $~31, R9 // move the first block down, as above
	MOVL         R9, CX
	SUBL         DI, CX
	SHLL         $3, CX
	RORL         CX, AX
	VMOVD        AX, X0
	VPBROADCASTD X0, Y0

start32:
	LEAQ         -224(R8), R10
	CMPQ         R9, R10
	JA           half32

	PCALIGN $32
loop32:
	VPXOR        (R9), Y0, Y8
	VPXOR        32(R9), Y0, Y9
	VPXOR        64(R9), Y0, Y10
	VPXOR        96(R9), Y0, Y11
	VMOVDQU      Y8, (R9)
	VMOVDQU      Y9, 32(R9)
	VMOVDQU      Y10, 64(R9)
	VMOVDQU      Y11, 96(R9)
	VPXOR        128(R9), Y0, Y12
	VPXOR        160(R9), Y0, Y13
	VPXOR        192(R9), Y0, Y14
	VPXOR        224(R9), Y0, Y15
	VMOVDQU      Y12, 128(R9)
	VMOVDQU      Y13, 160(R9)
	VMOVDQU      Y14, 192(R9)
	VMOVDQU      Y15, 224(R9)
	ADDQ         $256, R9
	CMPQ         R9, R10
	JBE          loop32

half32:
	ADDQ         $128, R10
	CMPQ         R9, R10
	JA           single32
	VPXOR        (R9), Y0, Y12
	VPXOR        32(R9), Y0, Y13
	VPXOR        64(R9), Y0, Y14
	VPXOR        96(R9), Y0, Y15
	VMOVDQU      Y12, (R9)
	VMOVDQU      Y13, 32(R9)
	VMOVDQU      Y14, 64(R9)
	VMOVDQU      Y15, 96(R9)
	ADDQ         $128, R9

single32:
	CMPQ         R9, R8
	JAE          ends32
	VPXOR        (R9), Y0, Y12
	VMOVDQU      Y12, (R9)
	ADDQ         $32, R9
	JMP          single32

ends32:
	VMOVDQU      Y2, (DI)
	VMOVDQU      Y3, (R8)
	VZEROUPPER
	RET
