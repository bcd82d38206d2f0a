// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks before QEMU starts of all that copying relies on. If one fails, that is
 * reported, and the library does nothing.
 */
#include "host.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* bytes of struct pthread in which a thread's number is looked for; aarch64: 0xd0, x86_64: 0x2d0 */
#define SEARCHED 0x400
/* since Linux 6.13: include/uapi/linux/prctl.h */
#define GET_SHADOW_STACK 74
/* of the kernel's struct rseq, at least */
#define RSEQ_SIZE 32

int control = -1, park_signal;
long tid_offset = -1, rseq_offset;
unsigned int rseq_size;
const uint8_t *libc_text, *libc_text_end;

/* glibc has this for debuggers: size in bits, count, offset */
static void find_told_offset(const char *self)
{
	const uint32_t *told = dlsym(RTLD_DEFAULT, "_thread_db_pthread_tid");

	if (told && told[0] == 32 && told[2] < SEARCHED && *(const int *)(self + told[2]) == gettid())
		tid_offset = told[2];
}

/* Find where glibc keeps a thread's number, which a copy has to change. */
static const char *find_tid(void)
{
	const char *self = (const char *)pthread_self();
	int matches = 0;

	if (!dlsym(RTLD_DEFAULT, "gnu_get_libc_version"))
		return "the C library is not glibc";
	find_told_offset(self);
	for (long at = 0; tid_offset < 0 && at < SEARCHED; at += 4)
		matches += *(const int *)(self + at) == gettid();
	if (tid_offset >= 0)
		return NULL;
	for (long at = 0; matches == 1 && at < SEARCHED; at += 4)
		if (*(const int *)(self + at) == gettid())
			tid_offset = at;
	return tid_offset < 0 ? "where glibc keeps a thread's number is not found" : NULL;
}

/* glibc's restartable sequences, since 2.35: each thread has registered an area */
static void find_rseq(void)
{
	const unsigned int *size = dlsym(RTLD_DEFAULT, "__rseq_size");
	const ptrdiff_t *offset = dlsym(RTLD_DEFAULT, "__rseq_offset");

	if (size && offset && *size) {
		rseq_size = *size < RSEQ_SIZE ? RSEQ_SIZE : (*size + RSEQ_SIZE - 1) / RSEQ_SIZE * RSEQ_SIZE;
		rseq_offset = *offset;
	}
}

static int look_for_code(struct dl_phdr_info *object, size_t size, void *address)
{
	(void)size;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];
		const uint8_t *start = (const uint8_t *)object->dlpi_addr + part->p_vaddr;

		if (part->p_type == PT_LOAD && part->p_flags & PF_X && (uint8_t *)address >= start &&
		    (uint8_t *)address < start + part->p_memsz) {
			libc_text = start;
			libc_text_end = start + part->p_memsz;
			return 1;
		}
	}
	return 0;
}

static const char *find_signal(void)
{
	struct sigaction action;

	for (park_signal = SIGRTMAX; park_signal >= SIGRTMIN; park_signal--)
		if (sigaction(park_signal, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
			return NULL;
	return "no real-time signal is free";
}

/* A thread that is made again cannot get its shadow stack back. */
static const char *check_shadow_stack(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	unsigned long enabled = 0;
	char line[256];
	bool found;

	/* aarch64's; x86_64's kernel has no answer to this, and a line in the file */
	found = prctl(GET_SHADOW_STACK, &enabled, 0, 0, 0) == 0 && enabled & 1;
	while (status && fgets(line, sizeof(line), status))
		found |= strncmp(line, "x86_Thread_features:", 20) == 0 && strstr(line, "shstk");
	if (status)
		fclose(status);
	return !status ? "/proc is not there" : found ? "it has a shadow stack" : NULL;
}

static const char *check(void)
{
	void *code = dlsym(RTLD_NEXT, "syscall");
	const char *wrong = find_tid();

	find_rseq();
	if (!wrong && (!code || !dl_iterate_phdr(look_for_code, code)))
		wrong = "libc's code is not found";
	if (!wrong)
		wrong = find_signal();
	return wrong ? wrong : check_shadow_stack();
}

__attribute__((constructor)) static void begin(void)
{
	const char *number = getenv(SOCKET_VARIABLE), *wrong;

	if (!number)
		return;
	control = atoi(number);
	fcntl(control, F_SETFD, FD_CLOEXEC);
	unsetenv(SOCKET_VARIABLE);
	unsetenv("LD_PRELOAD");
	wrong = check();
	if (wrong) {
		tell("unable: %s", wrong);
		close(control);
		control = -1;
		return;
	}
	take_park_signal();
	tell("ready");
}
