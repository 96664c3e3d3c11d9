#include "textflag.h"

// func cloneAndRun(nr, a1, a2, a3 uintptr, ops *op, failed *failure) (pid uintptr)
//
// The child shares memory and stack with the suspended parent: it keeps
// everything in registers, calls nothing, and never returns.
TEXT ·cloneAndRun(SB), NOSPLIT, $0-56
	MOVD nr+0(FP), R8
	MOVD a1+8(FP), R0
	MOVD a2+16(FP), R1
	MOVD a3+24(FP), R2
	MOVD ZR, R3
	MOVD ZR, R4
	MOVD ops+32(FP), R19
	MOVD failed+40(FP), R20
	SVC
	CBZ  R0, next
	MOVD R0, pid+48(FP)
	RET

next:
	MOVD 0(R19), R8
	MOVD 8(R19), R0
	MOVD 16(R19), R1
	MOVD 24(R19), R2
	MOVD 32(R19), R3
	MOVD ZR, R4
	MOVD 40(R19), R21
	SVC
	CMP  $1, R21          // mustBe
	BEQ  compare
	CMP  $2, R21          // mayFail
	BEQ  advance
	CMN  $4095, R0
	BCS  fail

advance:
	ADD  $56, R19
	B    next

compare:
	MOVD 48(R19), R22
	CMP  R22, R0
	BEQ  advance
	MOVD $-3, R0          // ESRCH: the parent is not there any more

fail:
	NEG  R0, R0
	MOVD R19, 8(R20)
	MOVD R0, 0(R20)
	MOVD $93, R8          // exit, of this task alone
	MOVD $127, R0
	SVC
	BRK
