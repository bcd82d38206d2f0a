// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands in for QEMU: a main thread that waits in ppoll(2), others that wait for it, an answer for
 * each line that comes on the descriptor argv[1]. See act() for the lines.
 *
 * It may be compiled to be a program that copies have to refuse: with NUMBER, what gettid(2) returns, with
 * TOLD, where glibc is said to keep that, and with SHADOW, what the kernel says of its shadow stack. What is
 * weak comes from libraries.c, if that is linked.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 3

int seccomp_load(void *) __attribute__((weak));
int io_uring_queue_init(unsigned, void *, unsigned) __attribute__((weak));

#ifdef NUMBER
pid_t gettid(void)
{
	return NUMBER;
}
#endif

#ifdef TOLD
/* size in bits, count, offset */
const uint32_t _thread_db_pthread_tid[] = { 32, 1, TOLD };
#endif

#ifdef SHADOW
int prctl(int option, ...)
{
	va_list rest;

	va_start(rest, option);
	/* PR_GET_SHADOW_STACK_STATUS of Linux 6.13 */
	if (option == 74)
		*va_arg(rest, unsigned long *) = SHADOW;
	va_end(rest);
	return 0;
}
#endif

static int counter, shell, event, epoll;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t asked = PTHREAD_COND_INITIALIZER, answered = PTHREAD_COND_INITIALIZER;
static int round_number, answers, workers = WORKERS;
static __thread int rounds;

/* Count the rounds in a variable of its own, and say whether the kernel and glibc agree on its number. */
static void *work(void *argument)
{
	int seen = 0;

	(void)argument;
	pthread_mutex_lock(&lock);
	for (;;) {
		while (seen == round_number)
			pthread_cond_wait(&asked, &lock);
		seen = round_number;
		rounds++;
		/* glibc sends signals to the number that it has for a thread */
		answers += pthread_kill(pthread_self(), 0) == 0 && rounds == round_number;
		pthread_cond_signal(&answered);
	}
	return NULL;
}

static int ask_workers(void)
{
	pthread_mutex_lock(&lock);
	round_number++;
	answers = 0;
	pthread_cond_broadcast(&asked);
	for (int i = 0; i < 1000 && answers < workers; i++) {
		struct timespec soon;

		clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_nsec += 10000000;
		soon.tv_sec += soon.tv_nsec / 1000000000;
		soon.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&answered, &lock, &soon);
	}
	pthread_mutex_unlock(&lock);
	return answers;
}

static void *spin(void *argument)
{
	for (;;)
		__asm__ volatile("" : : "r"(argument) : "memory");
	return NULL;
}

static int sleep_long(void *argument)
{
	(void)argument;
	for (;;)
		pause();
}

/* Take hold of something that a copy cannot have. */
static void hold(const char *what)
{
	static char stack[65536];
	struct epoll_event input = { .events = EPOLLIN };
	pthread_t thread;
	int pair[2];

	if (!strcmp(what, "socket"))
		socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	else if (!strcmp(what, "pipe"))
		pair[0] = pipe(pair);
	else if (!strcmp(what, "timer"))
		timerfd_create(CLOCK_MONOTONIC, 0);
	else if (!strcmp(what, "epoll"))
		epoll_ctl(epoll, EPOLL_CTL_ADD, event, &input);
	else if (!strcmp(what, "file"))
		open("written", O_RDWR | O_CREAT, 0600);
	else if (!strcmp(what, "memory"))
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	else if (!strcmp(what, "processor"))
		pthread_create(&thread, NULL, spin, NULL);
	else if (!strcmp(what, "thread"))
		clone(sleep_long, stack + sizeof(stack), CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND
		      | CLONE_THREAD | CLONE_SYSVSEM, NULL);
}

/* From now on the host has no memory for what clone(2) is to make with `flag`, nor for what has it not. */
static int forbid(unsigned flag, bool without)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flag, without, !without),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(*filter), filter };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Say how a process is made that is no copy: by fork(2), and by execve(2) if there is one. */
static void try_sandbox(void)
{
	pid_t pid = fork();
	int error = errno;

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	execl("/bin/true", "true", NULL);
	dprintf(shell, "%s, %s\n", pid < 0 ? strerror(error) : "forked", strerror(errno));
}

static void act(char *line)
{
	uint64_t count = 0;
	int number;

	if (sscanf(line, "add %d", &number) == 1)
		dprintf(shell, "%d\n", counter += number);
	else if (!strcmp(line, "workers"))
		dprintf(shell, "%d\n", ask_workers());
	else if (sscanf(line, "post %d", &number) == 1)
		dprintf(shell, "%zd\n", write(event, &(uint64_t){ number }, 8));
	else if (!strcmp(line, "fetch"))
		dprintf(shell, "%d\n", read(event, &count, 8) == 8 ? (int)count : 0);
	else if (!strcmp(line, "numbers"))
		dprintf(shell, "%d %d\n", getpid(), gettid());
	else if (sscanf(line, "exit %d", &number) == 1)
		exit(number);
	else if (!strcmp(line, "forbid copies"))
		dprintf(shell, "%d\n", forbid(CLONE_THREAD, true));
	else if (!strcmp(line, "forbid threads"))
		dprintf(shell, "%d\n", forbid(CLONE_THREAD, false));
	else if (!strcmp(line, "load sandbox"))
		dprintf(shell, "%d\n", seccomp_load(NULL));
	else if (!strcmp(line, "try sandbox"))
		try_sandbox();
	else if (!strcmp(line, "ring"))
		dprintf(shell, "%d\n", io_uring_queue_init(1, NULL, 0));
	else if (!strncmp(line, "hold ", 5)) {
		hold(line + 5);
		dprintf(shell, "held\n");
	}
}

int main(int argc, char **argv)
{
	struct pollfd polled = { .events = POLLIN };
	static char line[256];
	pthread_t thread;
	ssize_t size;

	if (argc < 2)
		return 2;
	polled.fd = shell = atoi(argv[1]);
	event = eventfd(0, EFD_NONBLOCK);
	epoll = epoll_create1(0);
	for (int i = 0; i < workers; i++)
		pthread_create(&thread, NULL, work, NULL);
	for (;;) {
		if (ppoll(&polled, 1, NULL, NULL) < 0)
			continue;
		size = recv(shell, line, sizeof(line) - 1, 0);
		if (size <= 0)
			return 0;
		line[size] = 0;
		line[strcspn(line, "\n")] = 0;
		act(line);
	}
}
