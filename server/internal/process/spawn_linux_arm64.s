#include "textflag.h"

// all is the set of all signals.
DATA all<>+0(SB)/8, $-1
GLOBL all<>(SB), RODATA|NOPTR, $8

// func cloneAndRun(nr, a1, a2, a3 uintptr, ops *op, failed *failure, mask *uint64) (pid uintptr)
//
// The child shares memory and stack with the suspended parent: it keeps
// everything in registers, calls nothing, and never returns.
TEXT ·cloneAndRun(SB), NOSPLIT, $0-64
	MOVD $2, R0           // SIG_SETMASK
	MOVD $all<>(SB), R1
	MOVD mask+48(FP), R2
	MOVD $8, R3
	MOVD $135, R8         // rt_sigprocmask
	SVC

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
	MOVD R0, pid+56(FP)

	MOVD $2, R0
	MOVD mask+48(FP), R1
	MOVD ZR, R2
	MOVD $8, R3
	MOVD $135, R8
	SVC
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
