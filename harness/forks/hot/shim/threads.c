// SPDX-License-Identifier: GPL-2.0-only
/*
 * The process's other threads. Their creation is noted here, a signal handler stops
 * them, and a copy makes them again.
 */
#include "host.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 64
/* seconds within which all threads must be asleep at once, and nanoseconds between two attempts */
#define PATIENCE_S 2.0
#define PAUSE_NS 300000

enum { FREE, TAKEN, RUNNING };

struct thread {
	_Atomic int state;
	/* its number here; and its number in the first process, which the program may have kept */
	pid_t tid, first_tid;
	/* pthread_self(), and the base of its thread-local variables */
	void *self, *pointer;
	void *(*start)(void *);
	void *argument;
	/* while it is parked: its registers before and in the handler, and what it had registered with the kernel */
	const ucontext_t *interrupted;
	struct registers registers;
	void *robust_list;
	size_t robust_size;
	char name[16];
};

static struct thread threads[MAX_THREADS];
static __thread struct thread *mine __attribute__((tls_model("initial-exec")));
/* threads that wait in the handler; whether a copy's may go on */
static _Atomic int parked, complete;
/* odd while threads have to wait: a signal that arrives later does nothing */
static _Atomic int phase;

static long futex(_Atomic int *word, int operation, int value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, timeout, NULL, 0);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* Return where glibc keeps the number of a thread. */
int *tid_field(void *self)
{
	return (int *)((char *)self + tid_offset);
}

/* Register with the kernel what the original of this thread had registered. */
static void register_again(struct thread *thread)
{
	/* glibc asks the kernel for the CPU's number when it finds -1 here */
	int *cpu = rseq_size ? (int *)((char *)thread->pointer + rseq_offset + 4) : NULL;

	thread->tid = *tid_field(thread->self);
	syscall(SYS_set_robust_list, thread->robust_list, thread->robust_size);
	prctl(PR_SET_NAME, thread->name);
	if (cpu && syscall(SYS_rseq, cpu - 1, rseq_size, 0, HOST_RSEQ_SIGNATURE) < 0)
		*cpu = -1;
}

/* Wait in a signal handler until a request is over; a copy's threads go on from here. */
static void on_park(int signal, siginfo_t *info, void *context)
{
	struct thread *thread = mine;
	int error = errno, now_in = atomic_load(&phase);

	(void)signal, (void)info;
	if (!thread || now_in % 2 == 0)
		return;
	thread->interrupted = context;
	prctl(PR_GET_NAME, thread->name);
	syscall(SYS_get_robust_list, 0, &thread->robust_list, &thread->robust_size);
	if (save_registers(&thread->registers) == 0) {
		atomic_fetch_add(&parked, 1);
		futex(&parked, FUTEX_WAKE, 1, NULL);
		while (atomic_load(&phase) == now_in)
			futex(&phase, FUTEX_WAIT, now_in, NULL);
	} else {
		register_again(mine);
		while (!atomic_load(&complete))
			futex(&complete, FUTEX_WAIT, 0, NULL);
	}
	atomic_fetch_sub(&parked, 1);
	errno = error;
}

/* Install the handler. */
void take_park_signal(void)
{
	struct sigaction action = { .sa_sigaction = on_park, .sa_flags = SA_SIGINFO | SA_RESTART };

	sigfillset(&action.sa_mask);
	sigaction(park_signal, &action, NULL);
}

static void change_mask(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, park_signal);
	pthread_sigmask(how, &set, NULL);
}

static void on_exit_of_thread(void *argument)
{
	struct thread *thread = argument;

	change_mask(SIG_BLOCK);
	mine = NULL;
	atomic_store(&thread->state, FREE);
}

static void *run_thread(void *argument)
{
	struct thread *thread = argument;
	void *result;

	thread->tid = thread->first_tid = gettid();
	thread->self = (void *)pthread_self();
	thread->pointer = thread_pointer();
	mine = thread;
	/* a thread whose number is not found stays TAKEN: no request is served while it lives */
	if (*tid_field(thread->self) == thread->tid)
		atomic_store(&thread->state, RUNNING);
	change_mask(SIG_UNBLOCK);
	pthread_cleanup_push(on_exit_of_thread, thread);
	result = thread->start(thread->argument);
	pthread_cleanup_pop(1);
	return result;
}

EXPORTED int pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*start)(void *),
			    void *argument)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
		dlsym(RTLD_NEXT, "pthread_create");
	struct thread *thread;
	int error;

	for (thread = threads; control >= 0 && thread < threads + MAX_THREADS; thread++) {
		int expected = FREE;

		if (!atomic_compare_exchange_strong(&thread->state, &expected, TAKEN))
			continue;
		thread->start = start;
		thread->argument = argument;
		error = real(id, attributes, run_thread, thread);
		if (error)
			atomic_store(&thread->state, FREE);
		return error;
	}
	/* a thread without room in the table is counted, so that no request is served */
	return real(id, attributes, start, argument);
}

/*
 * Return the number of threads, -1 if it is unknown. Only system calls are used: a thread that is parked
 * may hold a lock of the allocator, which opendir(3) would wait for.
 */
static int count_tasks(void)
{
	static char room[MAX_THREADS * 2 * sizeof(struct dirent)] __attribute__((aligned(8)));
	int directory = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC), count = 0;
	long size = directory < 0 ? -1 : syscall(SYS_getdents64, directory, room, sizeof(room));

	for (long at = 0; at < size;) {
		/* as the system call writes it: struct dirent of 64 bits */
		const struct dirent64 *entry = (const void *)(room + at);

		count += entry->d_name[0] != '.';
		at += entry->d_reclen;
	}
	if (directory >= 0)
		close(directory);
	return size < 0 ? -1 : count;
}

/* Signal every known thread and wait until it is parked; return how many there are, or -1. */
static int park_known(double end)
{
	int sent = 0, lost = 0, have;

	/* threads that were released before must have left the handler */
	while (atomic_load(&parked) && now() < end)
		sched_yield();
	atomic_fetch_add(&phase, 1);
	for (struct thread *thread = threads; thread < threads + MAX_THREADS; thread++) {
		int state = atomic_load(&thread->state);

		if (state == FREE)
			continue;
		if (state == RUNNING && syscall(SYS_tgkill, getpid(), thread->tid, park_signal) == 0)
			sent++;
		else
			lost++;
	}
	while ((have = atomic_load(&parked)) < sent && now() < end) {
		struct timespec wait = { .tv_nsec = 100000000 };

		futex(&parked, FUTEX_WAIT, have, &wait);
	}
	return lost || have != sent ? -1 : sent;
}

static const struct thread *find_awake(void)
{
	for (struct thread *thread = threads; thread < threads + MAX_THREADS; thread++)
		if (atomic_load(&thread->state) == RUNNING && !at_sleeping_call(thread->interrupted))
			return thread;
	return NULL;
}

/* Let the threads go on. */
void release_threads(void)
{
	atomic_fetch_add(&phase, 1);
	futex(&phase, FUTEX_WAKE, MAX_THREADS, NULL);
}

/*
 * Stop all threads but this one, each asleep in a system call of libc, where it is neither inside
 * an allocation nor inside generated code. Returns false, with the reason, if that is not possible: all go on then.
 */
bool park_threads(char *why)
{
	struct timespec pause = { .tv_nsec = PAUSE_NS };
	double end = now() + PATIENCE_S;

	do {
		const struct thread *awake = NULL;
		int count = park_known(end), tasks = count_tasks();

		if (count >= 0 && count + 1 == tasks && !(awake = find_awake()))
			return true;
		/* an attempt that the deadline cut short gives no reason */
		if (*why && now() >= end)
			;
		else if (awake)
			snprintf(why, MAX_WHY, "its thread %s is busy", awake->name);
		else if (count < 0)
			snprintf(why, MAX_WHY, "one of its %d threads does not stop", tasks);
		else
			snprintf(why, MAX_WHY, "%d of its %d threads are unknown", tasks - 1 - count, tasks);
		release_threads();
		nanosleep(&pause, NULL);
	} while (now() < end);
	return false;
}

/* In a copy: render the numbers of its threads, each as OLD:NEW; the program knows the old one. */
void render_threads(char *text, size_t room)
{
	size_t used = 0;

	*text = 0;
	for (struct thread *thread = threads; thread < threads + MAX_THREADS; thread++)
		if (atomic_load(&thread->state) == RUNNING && used < room)
			used += snprintf(text + used, room - used, " %d:%d", thread->first_tid,
					 *tid_field(thread->self));
}

/* In a copy: make the threads that the original has, and let them go on. Return what went wrong. */
const char *remake_threads(void)
{
	/* what pthread_create(3) asks for, and QEMU's sandbox allows */
	const unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD
		| CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;

	atomic_store(&complete, 0);
	atomic_store(&parked, 0);
	for (struct thread *thread = threads; thread < threads + MAX_THREADS; thread++) {
		uintptr_t stack;
		long number;

		if (atomic_load(&thread->state) != RUNNING)
			continue;
		atomic_fetch_add(&parked, 1);
		/* below all that the thread has in use, the red zone included */
		stack = ((uintptr_t)stack_of(&thread->registers) - 256) & ~(uintptr_t)15;
		number = clone_thread(flags, (void *)stack, tid_field(thread->self), thread->pointer,
				      &thread->registers);
		if (number < 0) {
			errno = -number;
			return "a thread cannot be made";
		}
	}
	atomic_fetch_add(&phase, 1);
	atomic_store(&complete, 1);
	futex(&complete, FUTEX_WAKE, MAX_THREADS, NULL);
	return NULL;
}
