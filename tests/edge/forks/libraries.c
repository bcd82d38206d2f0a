// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands in for QEMU's libraries. As libseccomp it has one filter, which allows threads and forbids other
 * processes, as QEMU's does; without EXPORT it cannot tell it. As liburing it makes rings.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define REFUSE(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

static struct sock_filter filter[] = {
	LOAD(nr),
	/* whose flags are in memory: glibc asks with the older call then */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
	REFUSE(ENOSYS),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsid, 4, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 3, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
	LOAD(args[0]),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0),
	REFUSE(EPERM),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

int seccomp_load(void *context)
{
	struct sock_fprog program = { sizeof(filter) / sizeof(*filter), filter };

	(void)context;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
}

#ifdef EXPORT
int seccomp_export_bpf(void *context, int file)
{
	(void)context;
	return write(file, filter, sizeof(filter)) == sizeof(filter) ? 0 : -EIO;
}
#endif

int io_uring_queue_init(unsigned entries, void *ring, unsigned flags)
{
	(void)ring, (void)flags;
	return entries;
}
