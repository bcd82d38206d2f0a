// SPDX-License-Identifier: GPL-2.0-only
/* Bytes in bulk: the kernel log to the host, files from the host. */

#include "rbctl.h"

#define BATCH 32768
/* the longest record the kernel hands out (PRINTKRB_RECORD_MAX and its prefix) is below this */
#define RECORD_MAX 10240

static char batch[BATCH];

/* Read the records that are there, whole ones, as many as fit; returns their size, or minus an errno. */
static long gather(int log)
{
	size_t size = 0;

	while (size + RECORD_MAX <= sizeof(batch)) {
		ssize_t count = read(log, batch + size, sizeof(batch) - size);

		if (count > 0)
			size += count;
		else if (count == 0 || errno == EAGAIN)
			break;
		else if (errno != EPIPE && errno != EINTR) /* EPIPE: some were overwritten, go on with the oldest */
			return -errno;
	}
	return size;
}

/* Set the wall clock; what the kernel makes of it is seen in the guest. */
static void set_clock(long long seconds)
{
#ifdef __NR_clock_settime64
	long long time[2] = { seconds, 0 };

	syscall(__NR_clock_settime64, 0L, (long)time);
#else
	long time[2] = { (long)seconds, 0 };

	syscall(__NR_clock_settime, 0L, (long)time);
#endif
}

/* Give the kernel randomness that no other machine has, and let it count from now on. */
static void seed(const char *text, int size)
{
	/* struct rand_pool_info: bits of entropy, size, bytes */
	struct { int bits, size; char bytes[64]; } pool = { .size = size };
	int random;

	if (size > (int)sizeof(pool.bytes))
		return;
	random = open("/dev/urandom", O_WRONLY);
	if (random < 0)
		return;
	/* hexadecimal digits: four bits each */
	pool.bits = 4 * size;
	memcpy(pool.bytes, text, size);
	syscall(__NR_ioctl, (long)random, _IOW('R', 0x03, int[2]), (long)&pool);
	syscall(__NR_ioctl, (long)random, _IO('R', 0x07), 0L);
	close(random);
}

/* Do what the host says when this machine has become a fork: "SECONDS SEED ANSWER\n". */
static void wake(int port)
{
	static char line[256];
	static size_t have;
	ssize_t count = read(port, line + have, sizeof(line) - 1 - have);
	char *digits, *answer, *end;
	long long seconds;

	if (count <= 0)
		return;
	have += count;
	line[have] = 0;
	end = strchr(line, '\n');
	if (!end) {
		/* what is too long is no such line */
		have %= sizeof(line) - 1;
		return;
	}
	have = 0;
	/* the newline is part of the answer */
	end[1] = 0;
	digits = strchr(line, ' ');
	answer = digits ? strchr(digits + 1, ' ') : NULL;
	if (!answer)
		return;
	*digits++ = *answer++ = 0;
	if (!parse_number(line, &seconds))
		set_clock(seconds);
	seed(digits, strlen(digits));
	write_all(port, answer, strlen(answer));
}

int command_kmsg(int argc, char **argv)
{
	int port = open(argv[0], O_RDWR);
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	struct pollfd entries[2] = { { .fd = log, .events = POLLIN }, { .fd = port, .events = POLLIN } };
	int error = port < 0 || log < 0 ? errno : 0;
	long size;

	(void)argc;
	while (!error) {
		size = gather(log);
		if (size < 0) {
			error = -size;
		} else if (size > 0) {
			error = write_all(port, batch, size);
		} else {
			/* a port without a host is ready all the time: it is looked at now and then */
			int alone = entries[1].revents & POLLHUP;

			entries[1].revents = 0;
			poll(entries, alone ? 1 : 2, alone ? 200 : -1);
			if (entries[1].revents & POLLIN)
				wake(port);
		}
	}
	return fail(error);
}

/* Move bytes from standard input to a file; once the file fails, to nowhere. Returns 0 or the errno. */
static int receive_file(int file, long long left)
{
	int error = 0;

	while (left > 0) {
		ssize_t count = read(0, batch, left < BATCH ? left : BATCH);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return count ? errno : EPIPE;
		left -= count;
		if (!error)
			error = write_all(file, batch, count);
	}
	return error;
}

/* Parse octal digits, as chmod takes them; return -1 if they are none. */
static long parse_mode(const char *text)
{
	long mode = 0;

	for (; *text >= '0' && *text <= '7' && mode <= 07777; text++)
		mode = mode * 8 + *text - '0';
	return *text || mode > 07777 ? -1 : mode;
}

/* Make the directories that a file is to be in, those that are not there. */
static void make_directories(char *path)
{
	char *slash;

	for (slash = path + 1; *path && (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		mkdir(path, 0777);
		*slash = '/';
	}
}

int command_put(int argc, char **argv)
{
	long mode = parse_mode(argv[2]);
	int file, error, lost;
	long long size;

	(void)argc;
	if (parse_number(argv[1], &size) || size < 0 || mode < 0)
		return complain("not a size or mode", "");
	/* what could not be made, the open tells */
	make_directories(argv[0]);
	file = open(argv[0], O_WRONLY | O_CREAT | O_TRUNC, mode);
	error = file < 0 ? errno : 0;
	if (!error && syscall(__NR_fchmod, (long)file, mode) < 0)
		error = errno;
	write_all(1, "go\n", 3);
	/* file is -1 after an error: its bytes are taken all the same */
	lost = receive_file(file, size);
	if (!error)
		error = lost;
	if (file >= 0 && close(file) < 0 && !error)
		error = errno;
	if (error)
		return fail(error);
	printf("done %lld\n", size);
	return STATUS_OK;
}

int command_get(int argc, char **argv)
{
	int file = open(argv[0], O_RDONLY);
	int error = file < 0 ? errno : 0;
	ssize_t count = 1;

	(void)argc;
	while (!error && count) {
		count = read(file, batch, sizeof(batch));
		if (count > 0)
			error = write_all(1, batch, count);
		else if (count < 0 && errno != EINTR)
			error = errno;
	}
	return error ? fail(error) : STATUS_OK;
}
