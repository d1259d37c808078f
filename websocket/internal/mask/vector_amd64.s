//go:build !purego

#include "textflag.h"

// func xorVector(p *byte, n int, k uint32) (high uint64)
//
// The payload is covered with whole vectors, of 64 octets with AVX-512 and of
// 32 with AVX2, so that no octet is done by itself and none outside is touched:
//
//	p                                              p+n
//	|-- head --|                                    |
//	|     |-- whole blocks, 4 at a time, then 1 --| |
//	|                                    |-- tail --|
//
// Head and tail are XORed in registers before anything is stored and are
// stored when all the rest is done, each with the key turned to where it
// stands: where they overlap a block, both hold the same octets. From 512
// octets on the blocks are aligned, for many unaligned ones would touch two
// cache lines.
//
//	DI  p       R8   the tail       V0  key for the blocks  V2  head
//	DX  n       R9   the next block V1  tail                V3  OR of what is written
//	AX  k       R10  the last place for four blocks
//	BX  k turned by n mod 4 octets, for the tail (V is Y or Z)
TEXT ·xorVector(SB), NOSPLIT, $0-32
	MOVQ p+0(FP), DI
	MOVQ n+8(FP), DX
	MOVL k+16(FP), AX
	LEAL (DX*8), CX
	MOVL AX, BX
	RORL CX, BX
	CMPB ·vector512(SB), $0
	JEQ  avx2

	LEAQ         -64(DI)(DX*1), R8
	VPBROADCASTD BX, Z1
	VPXORD       (R8), Z1, Z1
	VPBROADCASTD AX, Z0
	VPXORD       (DI), Z0, Z2
	VPORD        Z1, Z2, Z3
	LEAQ         64(DI), R9
	CMPQ         DX, $512
	JB           single64

	// Move the first block down to the boundary inside the head.
	ANDQ         $~63, R9
	MOVL         R9, CX
	SUBL         DI, CX
	SHLL         $3, CX
	RORL         CX, AX
	VPBROADCASTD AX, Z0
	LEAQ         -192(R8), R10

four64:
	VPXORD    (R9), Z0, Z4
	VPXORD    64(R9), Z0, Z5
	VPXORD    128(R9), Z0, Z6
	VPXORD    192(R9), Z0, Z7
	VMOVDQU32 Z4, (R9)
	VMOVDQU32 Z5, 64(R9)
	VMOVDQU32 Z6, 128(R9)
	VMOVDQU32 Z7, 192(R9)
	VPORD     Z4, Z5, Z5
	VPORD     Z6, Z7, Z7
	VPORD     Z5, Z3, Z3
	VPORD     Z7, Z3, Z3
	ADDQ      $256, R9
	CMPQ      R9, R10
	JBE       four64

single64:
	CMPQ      R9, R8
	JAE       ends64
	VPXORD    (R9), Z0, Z4
	VMOVDQU32 Z4, (R9)
	VPORD     Z4, Z3, Z3
	ADDQ      $64, R9
	JMP       single64

ends64:
	VMOVDQU32     Z2, (DI)
	VMOVDQU32     Z1, (R8)
	VEXTRACTI64X4 $1, Z3, Y4
	VPOR          Y4, Y3, Y3
	VPMOVMSKB     Y3, AX // the top bit of each octet
	VZEROUPPER
	MOVQ          AX, high+24(FP)
	RET

avx2:
	LEAQ         -32(DI)(DX*1), R8
	VMOVD        BX, X1
	VPBROADCASTD X1, Y1
	VPXOR        (R8), Y1, Y1
	VMOVD        AX, X0
	VPBROADCASTD X0, Y0
	VPXOR        (DI), Y0, Y2
	VPOR         Y1, Y2, Y3
	LEAQ         32(DI), R9
	CMPQ         DX, $512
	JB           unaligned32
	ANDQ         $~31, R9
	MOVL         R9, CX
	SUBL         DI, CX
	SHLL         $3, CX
	RORL         CX, AX
	VMOVD        AX, X0
	VPBROADCASTD X0, Y0

unaligned32:
	LEAQ -96(R8), R10
	CMPQ R9, R10
	JA   single32

four32:
	VPXOR   (R9), Y0, Y4
	VPXOR   32(R9), Y0, Y5
	VPXOR   64(R9), Y0, Y6
	VPXOR   96(R9), Y0, Y7
	VMOVDQU Y4, (R9)
	VMOVDQU Y5, 32(R9)
	VMOVDQU Y6, 64(R9)
	VMOVDQU Y7, 96(R9)
	VPOR    Y4, Y5, Y5
	VPOR    Y6, Y7, Y7
	VPOR    Y5, Y3, Y3
	VPOR    Y7, Y3, Y3
	ADDQ    $128, R9
	CMPQ    R9, R10
	JBE     four32

single32:
	CMPQ    R9, R8
	JAE     ends32
	VPXOR   (R9), Y0, Y4
	VMOVDQU Y4, (R9)
	VPOR    Y4, Y3, Y3
	ADDQ    $32, R9
	JMP     single32

ends32:
	VMOVDQU   Y2, (DI)
	VMOVDQU   Y1, (R8)
	VPMOVMSKB Y3, AX
	VZEROUPPER
	MOVQ      AX, high+24(FP)
	RET
