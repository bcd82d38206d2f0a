// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that keeps descriptors open while the shell does other things,
 * and the two halves of a conversation with it.
 */

#include "rbctl.h"

/* out of the way of the descriptors under test, the highest ones below the usual limit of 1024 */
#define IN_FD (LAST_FD + 1)
#define OUT_FD (LAST_FD + 2)

static const char *fifo_path(const char *dir, const char *name)
{
	static char path[4096];

	if (strlen(dir) + strlen(name) + 2 > sizeof(path))
		return "";
	strcpy(path, dir);
	strcpy(path + strlen(dir), "/");
	strcpy(path + strlen(dir) + 1, name);
	return path;
}

/* Make a FIFO and open both of its ends at a descriptor of our choice; returns 0 or an errno. */
static int make_fifo(const char *path, int as)
{
	int fd;

	if (mknod(path, S_IFIFO | 0600, 0) < 0)
		return errno;
	/* both ends: opening never blocks, and there is never an end of file */
	fd = open(path, O_RDWR);
	if (fd < 0 || dup2(fd, as) < 0)
		return errno;
	close(fd);
	return 0;
}

static void remove_session(const char *dir)
{
	unlink(fifo_path(dir, "in"));
	unlink(fifo_path(dir, "out"));
	rmdir(dir);
}

/* Read the next line, without its newline; returns NULL at an end that should not come. */
static char *next_line(void)
{
	static char line[LINE_MAX_BYTES], bytes[4096];
	static ssize_t have, used;
	size_t length = 0;

	for (;;) {
		if (used == have) {
			used = 0;
			have = read(IN_FD, bytes, sizeof(bytes));
			if (have < 0 && errno == EINTR)
				have = 0;
			else if (have <= 0)
				return NULL;
			continue;
		}
		line[length] = bytes[used++];
		if (line[length] == '\n') {
			line[length] = 0;
			return line;
		}
		/* what is too long is cut, and then is no step */
		length += length < sizeof(line) - 1;
	}
}

/* Run the steps that come in, until `exit`. */
static void serve(void)
{
	static char answer[LINE_MAX_BYTES];
	struct result result;
	long index = 0;
	int last = 0;
	char *step;

	while (!last) {
		step = next_line();
		if (!step)
			return;
		last = !strcmp(step, "exit");
		result = run_step(step);
		if (write_all(OUT_FD, answer, render_result(answer, index++, &result)))
			return;
	}
}

static void become_background(void)
{
	int fd = open("/dev/null", O_RDWR);

	setsid();
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	prepare_steps();
}

int command_session(int argc, char **argv)
{
	int error;
	pid_t pid;

	(void)argc;
	if (mkdir(argv[0], 0700) < 0)
		return fail(errno);
	error = make_fifo(fifo_path(argv[0], "in"), IN_FD);
	if (!error)
		error = make_fifo(fifo_path(argv[0], "out"), OUT_FD);
	if (error) {
		remove_session(argv[0]);
		return fail(error);
	}
	pid = fork();
	if (pid < 0)
		return fail(errno);
	if (pid > 0) {
		printf("session %d\n", (int)pid);
		return STATUS_OK;
	}
	become_background();
	serve();
	remove_session(argv[0]);
	return STATUS_OK;
}

/* Write one step to an open session; returns 0 or an errno. */
static int send_step(int in, const char *step)
{
	int error = write_all(in, step, strlen(step));

	return error ? error : write_all(in, "\n", 1);
}

/* Copy `count` result lines to standard output; returns 0 or an errno. */
static int receive_results(int out, long long count, int timeout_ms)
{
	struct pollfd entry = { .fd = out, .events = POLLIN };
	char bytes[4096];
	ssize_t size, i;

	while (count > 0) {
		int ready = poll(&entry, 1, timeout_ms);

		if (ready == 0)
			return ETIMEDOUT;
		if (ready < 0)
			return errno;
		size = read(out, bytes, sizeof(bytes));
		if (size <= 0)
			return size ? errno : EPIPE;
		for (i = 0; i < size; i++)
			count -= bytes[i] == '\n';
		write_all(1, bytes, size);
	}
	return 0;
}

/* Open one end of a session's FIFO; returns a descriptor, or minus an errno (EPIPE: nobody serves it). */
static int open_end(const char *dir, const char *name, int flags)
{
	int fd = open(fifo_path(dir, name), flags | O_NONBLOCK);

	if (fd < 0)
		return errno == ENXIO || errno == ENOENT ? -EPIPE : -errno;
	/* non-blocking was for the open only: a long step may fill the pipe */
	syscall(__NR_fcntl, (long)fd, (long)F_SETFL, (long)flags);
	return fd;
}

static int converse(int argc, char **argv, int answers)
{
	int in = open_end(argv[0], "in", O_WRONLY);
	int out = open_end(argv[0], "out", O_RDONLY);
	int error = 0;
	int i;

	if (in < 0 || out < 0)
		return fail(in < 0 ? -in : -out);
	for (i = 1; i < argc && !error; i++) {
		error = send_step(in, argv[i]);
		if (!error && answers)
			error = receive_results(out, 1, -1);
	}
	return error ? fail(error) : STATUS_OK;
}

int command_ask(int argc, char **argv)
{
	return converse(argc, argv, 1);
}

int command_send(int argc, char **argv)
{
	return converse(argc, argv, 0);
}

int command_receive(int argc, char **argv)
{
	long long count, timeout_ms;
	int error, out;

	(void)argc;
	if (parse_number(argv[1], &count) || parse_number(argv[2], &timeout_ms))
		return complain("not a number", "");
	out = open_end(argv[0], "out", O_RDONLY);
	if (out < 0)
		return fail(-out);
	error = receive_results(out, count, timeout_ms);
	return error ? fail(error) : STATUS_OK;
}
