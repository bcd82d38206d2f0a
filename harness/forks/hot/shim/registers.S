/* SPDX-License-Identifier: GPL-2.0-only */
/* save_registers() and clone_thread() of host.h; offsets are those of struct registers. */

#if defined(__x86_64__)

	.text
	.globl save_registers
	.hidden save_registers
	.type save_registers, @function
save_registers:
	mov %rbx, 0(%rdi)
	mov %rbp, 8(%rdi)
	mov %r12, 16(%rdi)
	mov %r13, 24(%rdi)
	mov %r14, 32(%rdi)
	mov %r15, 40(%rdi)
	/* as they are after the return */
	lea 8(%rsp), %rdx
	mov %rdx, 48(%rdi)
	mov (%rsp), %rdx
	mov %rdx, 56(%rdi)
	xor %eax, %eax
	ret

	/* clone(flags, stack, parent_tid, child_tid, tls): one pointer for both numbers */
	.globl clone_thread
	.hidden clone_thread
	.type clone_thread, @function
clone_thread:
	mov %r8, %r9
	mov %rcx, %r8
	mov %rdx, %r10
	mov $56, %eax
	syscall
	test %eax, %eax
	jz 1f
	ret
1:	mov 0(%r9), %rbx
	mov 8(%r9), %rbp
	mov 16(%r9), %r12
	mov 24(%r9), %r13
	mov 32(%r9), %r14
	mov 40(%r9), %r15
	mov 48(%r9), %rsp
	mov $1, %eax
	jmp *56(%r9)

#elif defined(__aarch64__)

	.text
	.globl save_registers
	.hidden save_registers
	.type save_registers, %function
save_registers:
	stp x19, x20, [x0, #0]
	stp x21, x22, [x0, #16]
	stp x23, x24, [x0, #32]
	stp x25, x26, [x0, #48]
	stp x27, x28, [x0, #64]
	stp x29, x30, [x0, #80]
	mov x1, sp
	str x1, [x0, #96]
	stp d8, d9, [x0, #104]
	stp d10, d11, [x0, #120]
	stp d12, d13, [x0, #136]
	stp d14, d15, [x0, #152]
	mov w0, #0
	ret

	/* clone(flags, stack, parent_tid, tls, child_tid): one pointer for both numbers */
	.globl clone_thread
	.hidden clone_thread
	.type clone_thread, %function
clone_thread:
	mov x9, x4
	mov x4, x2
	mov x8, #220
	svc #0
	cbz x0, 1f
	ret
1:	ldp x19, x20, [x9, #0]
	ldp x21, x22, [x9, #16]
	ldp x23, x24, [x9, #32]
	ldp x25, x26, [x9, #48]
	ldp x27, x28, [x9, #64]
	ldp x29, x30, [x9, #80]
	ldr x1, [x9, #96]
	mov sp, x1
	ldp d8, d9, [x9, #104]
	ldp d10, d11, [x9, #120]
	ldp d12, d13, [x9, #136]
	ldp d14, d15, [x9, #152]
	mov w0, #1
	ret

#endif

	.section .note.GNU-stack, "", %progbits
