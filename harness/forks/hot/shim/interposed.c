// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions that QEMU calls here instead of in its libraries. Another one is pthread_create() in threads.c.
 */
#include "host.h"

#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* most descriptors of a poll, without ours */
#define MAX_POLLED 1000

static __thread bool serving __attribute__((tls_model("initial-exec")));

static int call_ppoll(struct pollfd *polled, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	/* the system call writes what is left of the time; the function does not */
	struct timespec left;

	if (timeout)
		left = *timeout;
	return syscall(SYS_ppoll, polled, count, timeout ? &left : NULL, mask, 8L);
}

/* Requests are served while the main thread waits; its own descriptors are polled again afterwards. */
EXPORTED int ppoll(struct pollfd *polled, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	struct pollfd all[MAX_POLLED + 1];
	int ready;

	if (control < 0 || serving || count > MAX_POLLED || gettid() != getpid())
		return call_ppoll(polled, count, timeout, mask);
	memcpy(all, polled, count * sizeof(*polled));
	all[count] = (struct pollfd){ .fd = control, .events = POLLIN };
	ready = call_ppoll(all, count + 1, timeout, mask);
	if (ready > 0 && all[count].revents) {
		serving = true;
		serve_request();
		serving = false;
		errno = EINTR;
		return -1;
	}
	for (nfds_t i = 0; i < count; i++)
		polled[i].revents = all[i].revents;
	return ready;
}

EXPORTED int __ppoll_chk(struct pollfd *polled, nfds_t count, const struct timespec *timeout,
			 const sigset_t *mask, size_t size)
{
	(void)size;
	return ppoll(polled, count, timeout, mask);
}

/* QEMU excludes guest memory from its children; a copy needs it. */
EXPORTED int madvise(void *start, size_t length, int advice)
{
	return control >= 0 && advice == MADV_DONTFORK ? 0 : syscall(SYS_madvise, start, length, advice);
}

/* The rings of io_uring would be shared. Without it QEMU uses poll. */
EXPORTED int io_uring_queue_init(unsigned int entries, void *ring, unsigned int flags)
{
	int (*real)(unsigned int, void *, unsigned int) = dlsym(RTLD_NEXT, "io_uring_queue_init");

	return control >= 0 || !real ? -ENOSYS : real(entries, ring, flags);
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (field))
/* go on if it is the value, else skip so many instructions */
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skip))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* in front of QEMU's filter: clone(2) with exactly the flags of a copy, and setsid(2) */
static const struct sock_filter exceptions[] = {
	LOAD(offsetof(struct seccomp_data, arch)),
	UNLESS(HOST_AUDIT_ARCH, 9),
	LOAD(offsetof(struct seccomp_data, nr)),
	UNLESS(SYS_setsid, 1),
	ALLOW,
	UNLESS(SYS_clone, 5),
	LOAD(offsetof(struct seccomp_data, args[0])),
	UNLESS(COPY_FLAGS, 3),
	LOAD(offsetof(struct seccomp_data, args[0]) + 4),
	UNLESS(0, 1),
	ALLOW,
};

#define EXCEPTIONS (sizeof(exceptions) / sizeof(*exceptions))

/* QEMU's sandbox forbids to create processes. It gets one exception, which copies inherit. */
EXPORTED int seccomp_load(void *context)
{
	static struct sock_filter filter[BPF_MAXINSNS];
	int (*real)(void *) = dlsym(RTLD_NEXT, "seccomp_load");
	int (*export)(void *, int) = dlsym(RTLD_DEFAULT, "seccomp_export_bpf");
	struct sock_fprog program = { .filter = filter };
	int file = control >= 0 && export ? memfd_create("filter", MFD_CLOEXEC) : -1;
	ssize_t size = -1;

	if (file >= 0 && export(context, file) == 0)
		size = pread(file, filter + EXCEPTIONS, sizeof(filter) - sizeof(exceptions), 0);
	if (file >= 0)
		close(file);
	if (size <= 0)
		return real(context);
	memcpy(filter, exceptions, sizeof(exceptions));
	program.len = EXCEPTIONS + size / sizeof(*filter);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
		return -errno;
	return 0;
}
