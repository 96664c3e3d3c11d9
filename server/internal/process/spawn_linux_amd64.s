#include "textflag.h"

// all is the set of all signals.
DATA all<>+0(SB)/8, $-1
GLOBL all<>(SB), RODATA|NOPTR, $8

// func cloneAndRun(nr, a1, a2, a3 uintptr, ops *op, failed *failure, mask *uint64) (pid uintptr)
//
// The child shares memory and stack with the suspended parent: it keeps
// everything in registers, calls nothing, and never returns.
TEXT ·cloneAndRun(SB), NOSPLIT, $0-64
	MOVQ mask+48(FP), DX
	MOVQ $all<>(SB), SI
	MOVL $2, DI           // SIG_SETMASK
	MOVL $8, R10
	MOVL $14, AX          // rt_sigprocmask
	SYSCALL

	MOVQ nr+0(FP), AX
	MOVQ a1+8(FP), DI
	MOVQ a2+16(FP), SI
	MOVQ a3+24(FP), DX
	XORL R10, R10
	XORL R8, R8
	MOVQ ops+32(FP), R12
	MOVQ failed+40(FP), R13
	SYSCALL
	TESTQ AX, AX
	JZ   next
	MOVQ AX, pid+56(FP)

	MOVQ mask+48(FP), SI
	XORL DX, DX
	MOVL $2, DI
	MOVL $8, R10
	MOVL $14, AX
	SYSCALL
	RET

next:
	MOVQ 0(R12), AX
	MOVQ 8(R12), DI
	MOVQ 16(R12), SI
	MOVQ 24(R12), DX
	MOVQ 32(R12), R10
	XORL R8, R8
	MOVQ 40(R12), BX
	SYSCALL
	CMPQ BX, $1           // mustBe
	JEQ  compare
	CMPQ BX, $2           // mayFail
	JEQ  advance
	CMPQ AX, $0xfffffffffffff001
	JCC  fail

advance:
	ADDQ $56, R12
	JMP  next

compare:
	CMPQ AX, 48(R12)
	JEQ  advance
	MOVQ $-3, AX          // ESRCH: the parent is not there any more

fail:
	NEGQ AX
	MOVQ R12, 8(R13)
	MOVQ AX, 0(R13)
	MOVL $60, AX          // exit, of this task alone
	MOVL $127, DI
	SYSCALL
	INT  $3
