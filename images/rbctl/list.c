// SPDX-License-Identifier: GPL-2.0-only
/* The paths below a directory, read from directories alone: a kernel makes an inode of each file that is looked at. */

#include "rbctl.h"

#define PATH_ROOM 4096
#define DEEPEST 64
/* what getdents64 calls a directory, and what a file system says that does not tell */
#define A_DIRECTORY 4
#define UNKNOWN 0

/* struct linux_dirent64 */
struct entry {
	uint64_t inode, offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

static char path[PATH_ROOM];
static char out[32768];
static size_t filled;
/* paths that are not printed, nor what is below them */
static char **left_out;
static int left_out_count;
/* of the first directory */
static uint64_t device;

static void flush(void)
{
	write_all(1, out, filled);
	filled = 0;
}

static void print_path(size_t length)
{
	if (filled + length + 1 > sizeof(out))
		flush();
	memcpy(out + filled, path, length);
	filled += length;
	out[filled++] = '\n';
}

static int is_left_out(void)
{
	int i;

	for (i = 0; i < left_out_count && strcmp(left_out[i], path); i++)
		;
	return i < left_out_count;
}

static int find_device(int directory, uint64_t *found)
{
	struct statx about;

	if (syscall(__NR_statx, (long)directory, (long)"", 0x1000L /* AT_EMPTY_PATH */, 0L, (long)&about) < 0)
		return errno;
	*found = (uint64_t)about.stx_dev_major << 32 | about.stx_dev_minor;
	return 0;
}

static int list(size_t length, int depth);

/* Print an entry of the directory `path` of that length, and what is below it. */
static void list_entry(const struct entry *entry, size_t length, int depth)
{
	size_t size = strlen(entry->name);

	if (!strcmp(entry->name, ".") || !strcmp(entry->name, "..") || length + size + 2 > PATH_ROOM)
		return;
	path[length] = '/';
	memcpy(path + length + 1, entry->name, size + 1);
	if (!is_left_out()) {
		print_path(length + 1 + size);
		/* what is gone meanwhile, or cannot be read, has nothing below it */
		if (depth > 1 && (entry->type == A_DIRECTORY || entry->type == UNKNOWN))
			list(length + 1 + size, depth - 1);
	}
	path[length] = 0;
}

/* Print what is below the directory `path` of that length, unless it is on another device; returns 0 or an errno. */
static int list(size_t length, int depth)
{
	/* aligned as the kernel's entries are */
	uint64_t batch[256];
	uint64_t here;
	long count, at;
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int error = directory < 0 ? errno : find_device(directory, &here);

	if (!error && !device)
		device = here;
	while (!error && here == device) {
		count = syscall(__NR_getdents64, (long)directory, (long)batch, (long)sizeof(batch));
		if (count < 0)
			error = errno;
		if (count <= 0)
			break;
		for (at = 0; at < count; at += ((struct entry *)((char *)batch + at))->size)
			list_entry((struct entry *)((char *)batch + at), length, depth);
	}
	if (directory >= 0)
		close(directory);
	return error;
}

int command_list(int argc, char **argv)
{
	size_t length = strlen(argv[1]);
	long long depth;
	int error;

	if (parse_number(argv[0], &depth) || depth < 1 || depth > DEEPEST || length >= PATH_ROOM)
		return complain("not a depth and a directory", "");
	memcpy(path, argv[1], length + 1);
	left_out = argv + 2;
	left_out_count = argc - 2;
	device = 0;
	print_path(length);
	error = list(length, depth);
	flush();
	return error ? fail(error) : STATUS_OK;
}
