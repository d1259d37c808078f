//go:build !purego

#include "textflag.h"

// This is the lookup method of Keiser and Lemire, "Validating UTF-8 In Less
// Than One Instruction Per Byte" (2020). Whether two octets in a row are wrong
// together is found by three lookups in tables of 16, by the high and the low
// half of the first octet and the high half of the second. A table's entry has
// one bit for each kind of error that its half allows; an error is one that all
// three allow:
//
//	bit  first octet        second octet
//	0x01 11......           0....... or 11......   too short
//	0x02 0.......           10......               too long
//	0x04 11100000           100.....               overlong, 3 octets
//	0x08 11110100 and up    1001.... or 101.....   above U+10FFFF
//	0x10 11101101           101.....               surrogate
//	0x20 1100000.           10......               overlong, 2 octets
//	0x40 11110101 and up    1000....               above U+10FFFF
//	0x40 11110000           1000....               overlong, 4 octets
//	0x80 10......           10......               two continuations
//
// The last is no error where a third or fourth octet must stand, which is two
// behind one ≥ E0 or three behind one ≥ F0: there its bit is turned over, so
// that a missing continuation shows too.

// By the high half of the first octet; the tables stand twice, for both halves
// of a vector.
DATA ·firstHigh+0(SB)/8, $0x0202020202020202
DATA ·firstHigh+8(SB)/8, $0x4915012180808080
DATA ·firstHigh+16(SB)/8, $0x0202020202020202
DATA ·firstHigh+24(SB)/8, $0x4915012180808080
GLOBL ·firstHigh(SB), RODATA|NOPTR, $32

// By the low half of the first octet. 0x83 is in every entry: these errors do
// not depend on it.
DATA ·firstLow+0(SB)/8, $0xCBCBCB8B8383A3E7
DATA ·firstLow+8(SB)/8, $0xCBCBDBCBCBCBCBCB
DATA ·firstLow+16(SB)/8, $0xCBCBCB8B8383A3E7
DATA ·firstLow+24(SB)/8, $0xCBCBDBCBCBCBCBCB
GLOBL ·firstLow(SB), RODATA|NOPTR, $32

// By the high half of the second octet.
DATA ·secondHigh+0(SB)/8, $0x0101010101010101
DATA ·secondHigh+8(SB)/8, $0x01010101BABAAEE6
DATA ·secondHigh+16(SB)/8, $0x0101010101010101
DATA ·secondHigh+24(SB)/8, $0x01010101BABAAEE6
GLOBL ·secondHigh(SB), RODATA|NOPTR, $32

// CHECK adds to Y15 what is wrong with the 32 octets in Y0, given those one,
// two and three places before each of them, in Y1, Y2 and Y3.
//
//	Y8 firstHigh   Y10 secondHigh   Y12 0x60, 32 times
//	Y9 firstLow    Y11 0x0F         Y13 0x70      Y14 0x80
//
// An octet ≥ E0 less 60, and one ≥ F0 less 70, both kept from falling below
// 0, have their top bit set, and no others have.
#define CHECK \
	VPSRLW   $4, Y1, Y4   \
	VPAND    Y11, Y4, Y4  \
	VPSHUFB  Y4, Y8, Y4   \
	VPAND    Y11, Y1, Y5  \
	VPSHUFB  Y5, Y9, Y5   \
	VPSRLW   $4, Y0, Y6   \
	VPAND    Y11, Y6, Y6  \
	VPSHUFB  Y6, Y10, Y6  \
	VPAND    Y4, Y5, Y4   \
	VPAND    Y6, Y4, Y4   \
	VPSUBUSB Y12, Y2, Y2  \
	VPSUBUSB Y13, Y3, Y3  \
	VPOR     Y2, Y3, Y3   \
	VPAND    Y14, Y3, Y3  \
	VPXOR    Y3, Y4, Y4   \
	VPOR     Y4, Y15, Y15

// func lookup(p *byte, n int) bool
//
// Reports whether the n octets at p (n ≥ 35) have none that is wrong
// together with those before it. How the text ends is not judged here.
//
// The first 32 octets have zeros before them, made by shifting; all others are
// read again one, two and three places earlier. The last 32 octets are done by
// a vector that ends with the text and overlaps what has been done.
//
//	SI  the next vector     R8  the last vector     R9  the last place for four
TEXT ·lookup(SB), NOSPLIT, $0-17
	MOVQ         p+0(FP), SI
	MOVQ         n+8(FP), DX
	LEAQ         -32(SI)(DX*1), R8
	LEAQ         -96(R8), R9
	VMOVDQU      ·firstHigh(SB), Y8
	VMOVDQU      ·firstLow(SB), Y9
	VMOVDQU      ·secondHigh(SB), Y10
	MOVL         $0x0F, AX
	VMOVD        AX, X0
	VPBROADCASTB X0, Y11
	MOVL         $0x60, AX
	VMOVD        AX, X0
	VPBROADCASTB X0, Y12
	MOVL         $0x70, AX
	VMOVD        AX, X0
	VPBROADCASTB X0, Y13
	MOVL         $0x80, AX
	VMOVD        AX, X0
	VPBROADCASTB X0, Y14
	VPXOR        Y15, Y15, Y15

	VMOVDQU    (SI), Y0
	VPERM2I128 $0x08, Y0, Y0, Y7 // zeros, then the first half
	VPALIGNR   $15, Y7, Y0, Y1
	VPALIGNR   $14, Y7, Y0, Y2
	VPALIGNR   $13, Y7, Y0, Y3
	CHECK
	ADDQ       $32, SI

next:
	CMPQ SI, R9
	JA   single

	// Four vectors of ASCII need no more than that the three octets before
	// them are ASCII: no character is open there.
four:
	VMOVDQU -3(SI), Y4
	VPOR    (SI), Y4, Y4
	VMOVDQU 32(SI), Y5
	VPOR    64(SI), Y5, Y5
	VPOR    96(SI), Y4, Y4
	VPOR    Y4, Y5, Y4
	VPTEST  Y14, Y4
	JNZ     other
	SUBQ    $-128, SI
	CMPQ    SI, R9
	JBE     four
	JMP     single

other:
	VMOVDQU (SI), Y0
	VMOVDQU -1(SI), Y1
	VMOVDQU -2(SI), Y2
	VMOVDQU -3(SI), Y3
	CHECK
	VMOVDQU 32(SI), Y0
	VMOVDQU 31(SI), Y1
	VMOVDQU 30(SI), Y2
	VMOVDQU 29(SI), Y3
	CHECK
	VMOVDQU 64(SI), Y0
	VMOVDQU 63(SI), Y1
	VMOVDQU 62(SI), Y2
	VMOVDQU 61(SI), Y3
	CHECK
	VMOVDQU 96(SI), Y0
	VMOVDQU 95(SI), Y1
	VMOVDQU 94(SI), Y2
	VMOVDQU 93(SI), Y3
	CHECK
	SUBQ    $-128, SI
	VPTEST  Y15, Y15
	JNZ     done
	JMP     next

single:
	CMPQ    SI, R8
	JB      one
	MOVQ    R8, SI // the last one ends with the text

one:
	VMOVDQU (SI), Y0
	VMOVDQU -1(SI), Y1
	VMOVDQU -2(SI), Y2
	VMOVDQU -3(SI), Y3
	CHECK
	CMPQ    SI, R8
	JEQ     done
	ADDQ    $32, SI
	JMP     single

done:
	VPTEST Y15, Y15
	SETEQ  AX
	VZEROUPPER
	MOVB   AX, ret+16(FP)
	RET
