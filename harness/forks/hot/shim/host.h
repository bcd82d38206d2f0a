/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between host architectures: saved registers, clone(2), how a
 * system call looks in machine code. A host without a section here gets no copies.
 *
 * save_registers() returns 0, and 1 to the thread that clone_thread() makes of them.
 */
#ifndef HOST_H
#define HOST_H

#include "shim.h"

#include <errno.h>
#include <linux/audit.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__)

#define HOST_AUDIT_ARCH AUDIT_ARCH_X86_64
/* arch/x86 of glibc's bits/rseq.h */
#define HOST_RSEQ_SIGNATURE 0x53053053u

struct registers { uint64_t rbx, rbp, r12, r13, r14, r15, rsp, rip; };

static inline char *stack_of(const struct registers *saved) { return (char *)saved->rsp; }

static inline void *thread_pointer(void)
{
	void *pointer;

	__asm__("mov %%fs:0, %0" : "=r"(pointer));
	return pointer;
}

/* Whether a signal came while the thread was in a system call that sleeps, or just before it. */
static inline bool at_sleeping_call(const ucontext_t *interrupted)
{
	const uint8_t *at = (const uint8_t *)interrupted->uc_mcontext.gregs[REG_RIP];
	long rax = interrupted->uc_mcontext.gregs[REG_RAX];

	/* nothing else is looked at: there may be no page before generated code */
	if (at < libc_text + 2 || at > libc_text_end - 2)
		return false;
	if (at[-2] == 0x0f && at[-1] == 0x05 && rax == -EINTR)
		return true;
	return at[0] == 0x0f && at[1] == 0x05 && (rax == SYS_futex || rax == SYS_ppoll || rax == SYS_poll);
}

static inline long clone_like_fork(unsigned long flags, int *child_tid)
{
	return syscall(SYS_clone, flags, 0, 0, child_tid, 0);
}

#elif defined(__aarch64__)

#define HOST_AUDIT_ARCH AUDIT_ARCH_AARCH64
#define HOST_RSEQ_SIGNATURE 0xd428bc00u

struct registers { uint64_t x19_to_x30[12], sp, d8_to_d15[8]; };

static inline char *stack_of(const struct registers *saved) { return (char *)saved->sp; }

static inline void *thread_pointer(void) { return __builtin_thread_pointer(); }

static inline bool at_sleeping_call(const ucontext_t *interrupted)
{
	/* svc #0 */
	const uint32_t call = 0xd4000001;
	const uint32_t *at = (const uint32_t *)interrupted->uc_mcontext.pc;
	long x0 = interrupted->uc_mcontext.regs[0], x8 = interrupted->uc_mcontext.regs[8];

	if ((const uint8_t *)at < libc_text + 4 || (const uint8_t *)at > libc_text_end - 4)
		return false;
	return (at[-1] == call && x0 == -EINTR) || (at[0] == call && (x8 == SYS_futex || x8 == SYS_ppoll));
}

static inline long clone_like_fork(unsigned long flags, int *child_tid)
{
	return syscall(SYS_clone, flags, 0, 0, 0, child_tid);
}

#else
#error "no copies on this host's architecture"
#endif

int save_registers(struct registers *) __attribute__((returns_twice));
long clone_thread(unsigned long flags, void *stack, int *tid, void *thread_pointer, struct registers *);

#endif
