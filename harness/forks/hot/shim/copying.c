// SPDX-License-Identifier: GPL-2.0-only
/*
 * Serving a request to copy this process.
 */
#include "host.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Send a packet to the host. */
void tell(const char *format, ...)
{
	char text[MAX_PACKET];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	send(control, text, length < (int)sizeof(text) ? length : (int)sizeof(text) - 1, MSG_NOSIGNAL);
}

/* Receive a request; false if there is none, or if it is malformed, which is reported. */
static bool receive(struct request *request)
{
	char room[CMSG_SPACE(sizeof(request->received))] __attribute__((aligned(8)));
	struct iovec text = { request->replaced, sizeof(request->replaced) };
	struct msghdr message = {
		.msg_iov = &text, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room),
	};
	ssize_t size = recvmsg(control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *rights = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	/* the owner of this process has ended */
	if (size <= 0)
		kill(getpid(), SIGKILL);
	request->count = rights ? (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
	if (rights)
		memcpy(request->received, CMSG_DATA(rights), request->count * sizeof(int));
	if (request->count * sizeof(int32_t) == (size_t)size && !(message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)))
		return true;
	for (unsigned i = 0; i < request->count; i++)
		close(request->received[i]);
	tell("refused: of the request's descriptors %u arrived", request->count);
	return false;
}

static void fail(const char *why)
{
	tell("failed: %s: %s", why, strerror(errno));
	_exit(1);
}

/* Make a copy of this process a machine of its own. */
static void begin_as_copy(const struct request *request, pid_t owner, void *robust,
			  size_t robust_size)
{
	char numbers[MAX_PACKET - 64];
	const char *wrong = replace_holdings(request);

	if (wrong)
		fail(wrong);
	/* it dies with its owner, as the original does; an owner that has died already sends no signal */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		fail("prctl");
	if (getppid() != owner)
		_exit(1);
	/* a signal to the original's process group does not reach the copy */
	if (setsid() < 0)
		fail("setsid");
	syscall(SYS_set_robust_list, robust, robust_size);
	wrong = remake_threads();
	if (wrong)
		fail(wrong);
	render_threads(numbers, sizeof(numbers));
	tell("running %d%s", getpid(), numbers);
	tell("ready");
}

/* Copy this process: return the copy's number, 0 in the copy itself, -1 with the reason. */
static long copy(const struct request *request, char *why)
{
	pid_t owner = getppid();
	size_t robust_size = 0;
	void *robust = NULL;
	long pid;

	if (!check_holdings(request, why))
		return -1;
	syscall(SYS_get_robust_list, 0, &robust, &robust_size);
	pid = clone_like_fork(COPY_FLAGS, tid_field((void *)pthread_self()));
	if (pid < 0)
		snprintf(why, MAX_WHY, "the host's kernel does not copy it: %s", strerror(errno));
	if (pid == 0)
		begin_as_copy(request, owner, robust, robust_size);
	return pid;
}

/* Serve a request if the socket has one; the main thread calls this while it holds no lock. */
void serve_request(void)
{
	struct request request;
	char why[MAX_WHY] = "";
	sigset_t all, before;
	long pid = -1;

	if (!receive(&request))
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (park_threads(why)) {
		pid = copy(&request, why);
		if (pid != 0)
			release_threads();
	}
	for (unsigned i = 0; pid != 0 && i < request.count; i++)
		close(request.received[i]);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		tell("refused: %s", why);
	else if (pid > 0)
		tell("copied %ld", pid);
}
