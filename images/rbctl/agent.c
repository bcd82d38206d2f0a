// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that stays, and runs rbctl's commands for the shell: under emulation a fork, an exec
 * and their page faults cost more than most of what a test wants of the kernel. A second one waits
 * for its death, tells of it and starts the next.
 */

#include "rbctl.h"

/* what it is called while it waits, and its parent always */
#define NAME "rbctl-agent"
/* out of the way like a session's, whose process is never this one */
#define REQUEST_FD (LAST_FD + 1)
#define STATUS_FD (LAST_FD + 2)
#define WORDS_MAX 4096

static char request[LINE_MAX_BYTES];
static char *words[WORDS_MAX];
/* what both processes see */
static struct shared {
	/* whether a request has begun that has no answer */
	volatile int busy;
	/* of requests; the first one is 0 while none has come, also to a worker that is killed in its read */
	volatile char bytes[4096];
} *shared;

/* Die with the parent, whose number is given; one that is dead already sends no signal. */
static void die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		exit(STATUS_FAILED);
}

void set_name(const char *name)
{
	prctl(PR_SET_NAME, (unsigned long)name, 0, 0, 0);
}

/* Put a new pipe with both of its ends at one descriptor; returns 0 or an errno. */
static int make_pipe(int as)
{
	char path[64] = "/proc/self/fd/";
	int ends[2], both;

	if (pipe(ends) < 0)
		return errno;
	i64toa_r(ends[0], path + strlen(path));
	/* as for a session: opening never blocks, and there is never an end of file */
	both = open(path, O_RDWR);
	if (both < 0 || dup2(both, as) < 0)
		return errno;
	close(both);
	close(ends[0]);
	close(ends[1]);
	return 0;
}

/* The next byte of a request, or -1 at an end that should not come. */
static int next_byte(void)
{
	static ssize_t have, used;

	while (used == have) {
		used = 0;
		have = read(REQUEST_FD, (char *)shared->bytes, sizeof(shared->bytes));
		if (have < 0 && errno == EINTR)
			have = 0;
		else if (have <= 0)
			return -1;
		else
			shared->busy = 1;
	}
	return (unsigned char)shared->bytes[used++];
}

/* Read one word to where there is room for it; returns what follows it, or NULL. */
static char *next_word(char *to)
{
	int byte;

	while (to < request + sizeof(request)) {
		byte = next_byte();
		if (byte < 0)
			return NULL;
		*to++ = byte;
		if (!byte)
			return to;
	}
	return NULL;
}

/* Read a request into words; returns their number, or -1: the shell is not understood any more. */
static int next_request(void)
{
	char *end = next_word(request);
	long long count;
	int i;

	if (!end || parse_number(request, &count) || count < 1 || count >= WORDS_MAX)
		return -1;
	for (i = 0; i < count && end; i++) {
		words[i] = end;
		end = next_word(end);
	}
	words[count] = NULL;
	return end ? count : -1;
}

/* Run a command here, and leave nothing of it; returns its status. */
static int run_here(int count)
{
	int put = !strcmp(words[0], "put"), status;

	if (put)
		dup2(1, 0);
	set_name("rbctl");
	status = run_command(count, words);
	set_name(NAME);
	if (put) {
		close(0);
		open("/dev/null", O_RDONLY);
	}
	forget_steps();
	return status;
}

/* Run a command that leaves a process behind, in one that has no pipes of ours; returns its status. */
static int run_apart(int count)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return fail(errno);
	if (pid == 0) {
		close(REQUEST_FD);
		close(STATUS_FD);
		set_name("rbctl");
		exit(run_command(count, words));
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail(errno);
	return WEXITSTATUS(status);
}

static void answer(int status)
{
	char line[32];
	char *end = line + i64toa_r(status, line);

	*end++ = '\n';
	shared->busy = 0;
	shared->bytes[0] = 0;
	write_all(STATUS_FD, line, end - line);
}

/* Run commands, until one is not understood. */
static void work(pid_t parent)
{
	int count, status;

	die_with(parent);
	prepare_steps();
	while ((count = next_request()) > 0) {
		status = strcmp(words[0], "session") ? run_here(count) : run_apart(count);
		answer(status);
	}
}

/* Tell of a death as a shell does. */
static void answer_death(int number)
{
	if (number == SIGSEGV)
		write_all(1, "Segmentation fault\n", 19);
	else if (number == SIGKILL)
		write_all(1, "Killed\n", 7);
	answer(128 + number);
}

int command_agent(int argc, char **argv)
{
	pid_t pid, me = getpid(), shell = getppid();
	int status;

	(void)argc;
	(void)argv;
	set_name(NAME);
	/* the shell's port is free again when it dies */
	die_with(shell);
	close(0);
	open("/dev/null", O_RDONLY);
	dup2(1, 2);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* the shell asks as soon as there is the second one */
	if (shared == MAP_FAILED || make_pipe(REQUEST_FD) || make_pipe(STATUS_FD))
		return STATUS_FAILED;
	for (;;) {
		pid = fork();
		if (pid == 0) {
			work(me);
			return STATUS_FAILED;
		}
		if (pid < 0 || waitpid(pid, &status, 0) < 0 || WIFEXITED(status))
			return STATUS_FAILED;
		/* an oops in a system call, most often */
		if (shared->busy || shared->bytes[0])
			answer_death(WTERMSIG(status));
	}
}
