//go:build !purego

#include "textflag.h"

// func xorASCII(p *byte, n int, k uint32) (high uint64)
//
// This is xorVector, which see for the way that it goes and for the registers,
// with an OR of all that is written in Z31 or Y10, and with paths for fewer than
// 64 octets. It stands by itself because with AVX2 the ORs take up to a third of
// the time, which payloads that nobody asks this about need not spend.
TEXT ·xorASCII(SB), NOSPLIT, $0-32
	MOVQ         p+0(FP), DI
	MOVQ         n+8(FP), DX
	MOVL         k+16(FP), AX
	LEAL         (DX*8), CX
	MOVL         AX, BX
	RORL         CX, BX
	CMPB         ·vector512(SB), $0
	JEQ          avx2

	CMPQ         DX, $64
	JB           under64
	LEAQ         -64(DI)(DX*1), R8
	VPBROADCASTD AX, Z16
	VPBROADCASTD BX, Z17
	VPXORD       (DI), Z16, Z18
	VPXORD       (R8), Z17, Z19
	VPORD        Z18, Z19, Z31
	CMPQ         DX, $128
	JA           over128
	VMOVDQU32    Z18, (DI)
	VMOVDQU32    Z19, (R8)
	VPMOVB2M     Z31, K1 // the top bit of each octet
	KMOVQ        K1, AX
	MOVQ         AX, high+24(FP)
	RET

over128:
	CMPQ         DX, $512
	JA           over512
	VMOVDQU32    Z18, (DI)
	VPXORD       64(DI), Z16, Z20
	VMOVDQU32    Z20, 64(DI)
	VPORD        Z20, Z31, Z31
	CMPQ         DX, $192
	JBE          last64
	VPXORD       128(DI), Z16, Z20
	VMOVDQU32    Z20, 128(DI)
	VPORD        Z20, Z31, Z31
	CMPQ         DX, $256
	JBE          last64
	VPXORD       192(DI), Z16, Z20
	VMOVDQU32    Z20, 192(DI)
	VPORD        Z20, Z31, Z31
	CMPQ         DX, $320
	JBE          last64
	VPXORD       256(DI), Z16, Z20
	VMOVDQU32    Z20, 256(DI)
	VPORD        Z20, Z31, Z31
	CMPQ         DX, $384
	JBE          last64
	VPXORD       320(DI), Z16, Z20
	VMOVDQU32    Z20, 320(DI)
	VPORD        Z20, Z31, Z31
	CMPQ         DX, $448
	JBE          last64
	VPXORD       384(DI), Z16, Z20
	VMOVDQU32    Z20, 384(DI)
	VPORD        Z20, Z31, Z31
	CMPQ         DX, $512
	JBE          last64
	VPXORD       448(DI), Z16, Z20
	VMOVDQU32    Z20, 448(DI)
	VPORD        Z20, Z31, Z31

last64:
	VMOVDQU32    Z19, (R8)
	VPMOVB2M     Z31, K1 // the top bit of each octet
	KMOVQ        K1, AX
	MOVQ         AX, high+24(FP)
	RET

over512:
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
	VPTERNLOGD   $0xFE, Z24, Z25, Z31
	VPTERNLOGD   $0xFE, Z26, Z27, Z31
	ADDQ         $256, R9
	CMPQ         R9, R10
	JBE          loop64

single64:
	CMPQ         R9, R8
	JAE          ends64
	VPXORD       (R9), Z16, Z24
	VMOVDQA32    Z24, (R9)
	VPORD        Z24, Z31, Z31
	ADDQ         $64, R9
	JMP          single64

ends64:
	VMOVDQU32    Z18, (DI)
	VMOVDQU32    Z19, (R8)
	VPMOVB2M     Z31, K1 // the top bit of each octet
	KMOVQ        K1, AX
	MOVQ         AX, high+24(FP)
	RET

avx2:
	CMPQ         DX, $64
	JB           under64
	LEAQ         -32(DI)(DX*1), R8
	VMOVD        AX, X0
	VMOVD        BX, X1
	VPBROADCASTD X0, Y0
	VPBROADCASTD X1, Y1
	VPXOR        (DI), Y0, Y2
	VPXOR        (R8), Y1, Y3
	VPOR         Y2, Y3, Y10
	CMPQ         DX, $256
	JA           over256
	VMOVDQU      Y2, (DI)
	VPXOR        32(DI), Y0, Y4
	VMOVDQU      Y4, 32(DI)
	VPOR         Y4, Y10, Y10
	CMPQ         DX, $96
	JBE          last32
	VPXOR        64(DI), Y0, Y4
	VMOVDQU      Y4, 64(DI)
	VPOR         Y4, Y10, Y10
	CMPQ         DX, $128
	JBE          last32
	VPXOR        96(DI), Y0, Y4
	VMOVDQU      Y4, 96(DI)
	VPOR         Y4, Y10, Y10
	CMPQ         DX, $160
	JBE          last32
	VPXOR        128(DI), Y0, Y4
	VMOVDQU      Y4, 128(DI)
	VPOR         Y4, Y10, Y10
	CMPQ         DX, $192
	JBE          last32
	VPXOR        160(DI), Y0, Y4
	VMOVDQU      Y4, 160(DI)
	VPOR         Y4, Y10, Y10
	CMPQ         DX, $224
	JBE          last32
	VPXOR        192(DI), Y0, Y4
	VMOVDQU      Y4, 192(DI)
	VPOR         Y4, Y10, Y10
	CMPQ         DX, $256
	JBE          last32
	VPXOR        224(DI), Y0, Y4
	VMOVDQU      Y4, 224(DI)
	VPOR         Y4, Y10, Y10

last32:
	VMOVDQU      Y3, (R8)
	VPMOVMSKB    Y10, AX
	VZEROUPPER
	MOVQ         AX, high+24(FP)
	RET

over256:
	LEAQ         32(DI), R9
	CMPQ         DX, $512
	JB           start32
	ANDQ         $~31, R9
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
	VPXOR        (R9), Y0, Y4
	VPXOR        32(R9), Y0, Y8
	VPXOR        64(R9), Y0, Y9
	VPXOR        96(R9), Y0, Y11
	VMOVDQU      Y4, (R9)
	VMOVDQU      Y8, 32(R9)
	VMOVDQU      Y9, 64(R9)
	VMOVDQU      Y11, 96(R9)
	VPOR         Y4, Y8, Y8
	VPOR         Y9, Y11, Y11
	VPOR         Y8, Y10, Y10
	VPOR         Y11, Y10, Y10
	VPXOR        128(R9), Y0, Y12
	VPXOR        160(R9), Y0, Y13
	VPXOR        192(R9), Y0, Y14
	VPXOR        224(R9), Y0, Y15
	VMOVDQU      Y12, 128(R9)
	VMOVDQU      Y13, 160(R9)
	VMOVDQU      Y14, 192(R9)
	VMOVDQU      Y15, 224(R9)
	VPOR         Y12, Y13, Y13
	VPOR         Y14, Y15, Y15
	VPOR         Y13, Y10, Y10
	VPOR         Y15, Y10, Y10
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
	VPOR         Y12, Y13, Y13
	VPOR         Y14, Y15, Y15
	VPOR         Y13, Y10, Y10
	VPOR         Y15, Y10, Y10
	ADDQ         $128, R9

single32:
	CMPQ         R9, R8
	JAE          ends32
	VPXOR        (R9), Y0, Y12
	VMOVDQU      Y12, (R9)
	VPOR         Y12, Y10, Y10
	ADDQ         $32, R9
	JMP          single32

ends32:
	VMOVDQU      Y2, (DI)
	VMOVDQU      Y3, (R8)
	VPMOVMSKB    Y10, AX
	VZEROUPPER
	MOVQ         AX, high+24(FP)
	RET

under64:
	VMOVD        AX, X0
	VMOVD        BX, X1
	CMPQ         DX, $32
	JB           under32
	LEAQ         -32(DI)(DX*1), R8
	VPBROADCASTD X0, Y0
	VPBROADCASTD X1, Y1
	VPXOR        (DI), Y0, Y2
	VPXOR        (R8), Y1, Y3
	VPOR         Y2, Y3, Y10
	VMOVDQU      Y2, (DI)
	VMOVDQU      Y3, (R8)
	VPMOVMSKB    Y10, AX
	VZEROUPPER
	MOVQ         AX, high+24(FP)
	RET

under32:
	LEAQ         -16(DI)(DX*1), R8
	VPBROADCASTD X0, X0
	VPBROADCASTD X1, X1
	VPXOR        (DI), X0, X2
	VPXOR        (R8), X1, X3
	VPOR         X2, X3, X10
	VMOVDQU      X2, (DI)
	VMOVDQU      X3, (R8)
	VPMOVMSKB    X10, AX
	MOVQ         AX, high+24(FP)
	RET
