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

int command_kmsg(int argc, char **argv)
{
	struct pollfd entry = { .events = POLLIN };
	int port = open(argv[0], O_WRONLY);
	int error = port < 0 ? errno : 0;
	long size;

	(void)argc;
	entry.fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (entry.fd < 0 && !error)
		error = errno;
	while (!error) {
		size = gather(entry.fd);
		if (size < 0)
			error = -size;
		else if (size > 0)
			error = write_all(port, batch, size);
		else
			poll(&entry, 1, -1);
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

int command_put(int argc, char **argv)
{
	long mode = parse_mode(argv[2]);
	int file, error, lost;
	long long size;

	(void)argc;
	if (parse_number(argv[1], &size) || size < 0 || mode < 0)
		return complain("not a size or mode", "");
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
