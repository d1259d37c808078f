//go:build !purego

#include "textflag.h"

// func xorASCII(p *byte, n int, k uint32) (high uint64)
//
// Vectors of 16 octets, four at a time and then one, and one more that ends
// with the payload and may overlap the one before it. That one is XORed in its
// register before anything is stored, with the key turned to where it stands,
// and stored last: both hold the same for the octets that they share.
//
//	R0  the next vector              V16  key
//	R3  the last vector              V17  last vector
//	R6  the last place for four      V18  OR of what is written
TEXT ·xorASCII(SB), NOSPLIT, $0-32
	MOVD  p+0(FP), R0
	MOVD  n+8(FP), R1
	MOVWU k+16(FP), R2
	VDUP  R2, V16.S4
	LSL   $3, R1, R4
	RORW  R4, R2, R5
	VDUP  R5, V17.S4
	ADD   R0, R1, R3
	SUB   $16, R3
	SUB   $48, R3, R6
	VLD1  (R3), [V18.B16]
	VEOR  V18.B16, V17.B16, V17.B16
	VMOV  V17.B16, V18.B16

four:
	VLD1   (R0), [V0.B16, V1.B16, V2.B16, V3.B16]
	VEOR   V16.B16, V0.B16, V0.B16
	VEOR   V16.B16, V1.B16, V1.B16
	VEOR   V16.B16, V2.B16, V2.B16
	VEOR   V16.B16, V3.B16, V3.B16
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R0)
	VORR   V0.B16, V1.B16, V4.B16
	VORR   V2.B16, V3.B16, V5.B16
	VORR   V4.B16, V18.B16, V18.B16
	VORR   V5.B16, V18.B16, V18.B16
	CMP    R6, R0
	BLS    four

single:
	CMP    R3, R0
	BHS    last
	VLD1   (R0), [V0.B16]
	VEOR   V16.B16, V0.B16, V0.B16
	VST1.P [V0.B16], 16(R0)
	VORR   V0.B16, V18.B16, V18.B16
	B      single

last:
	VST1 [V17.B16], (R3)
	VMOV V18.D[0], R4
	VMOV V18.D[1], R5
	ORR  R5, R4, R4
	AND  $0x8080808080808080, R4, R4
	MOVD R4, high+24(FP)
	RET
