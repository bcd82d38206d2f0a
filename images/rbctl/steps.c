// SPDX-License-Identifier: GPL-2.0-only
/* The steps of `sys` and of a session: one system call each. */

#include "rbctl.h"

/* a multiple of every page size Linux has */
#define GUARD 65536UL
#define MAPS 16
#define FIELDS 6

static unsigned char *arena;	/* IO_MAX bytes, then unmapped memory */
static struct {
	unsigned char *start;
	size_t size;
} maps[MAPS];

static struct result refuse(const char *why)
{
	return (struct result){ .complaint = why };
}

/* A result from a return value of the nolibc kind: -1, and errno is set. */
static struct result returned(long long value)
{
	if (value == -1)
		return (struct result){ .value = -1, .error = errno };
	return (struct result){ .value = value };
}

static struct result returned_data(long long value, const void *data, size_t size)
{
	struct result result = returned(value);

	result.data = data;
	result.size = size;
	return result;
}

/* A buffer of that size which ends at unmapped memory. */
static unsigned char *buffer(size_t size)
{
	return arena + IO_MAX - size;
}

void prepare_steps(void)
{
	/* whatever the shell held: the first open returns 3 */
	syscall(__NR_close_range, 3L, (long)LAST_FD, 0L);
	if (arena)
		return;
	arena = mmap(NULL, IO_MAX + GUARD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mmap(arena + IO_MAX, GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/* Let go of what steps of one command held: descriptors and maps. */
void forget_steps(void)
{
	int i;

	for (i = 0; i < MAPS; i++) {
		if (maps[i].start)
			munmap(maps[i].start, maps[i].size);
		maps[i].start = NULL;
	}
	syscall(__NR_close_range, 3L, (long)LAST_FD, 0L);
}

/* The bytes of HEX in a buffer of exactly their size; sets size, NULL if it is not HEX. */
static unsigned char *hex_buffer(const char *hex, size_t *size)
{
	unsigned char *bytes = buffer(strlen(hex) / 2 <= IO_MAX ? strlen(hex) / 2 : 0);

	*size = arena + IO_MAX - bytes;
	return parse_hex(hex, bytes, *size) < 0 ? NULL : bytes;
}

/* The address that `null` or `unmapped` stands for; returns 0, or -1 for another word. */
static int bad_address(const char *where, long *address)
{
	*address = strcmp(where, "null") ? (long)(arena + IO_MAX) : 0;
	return strcmp(where, "null") && strcmp(where, "unmapped") ? -1 : 0;
}

static const struct {
	const char *word;
	int flags;
} open_words[] = {
	{ "r", O_RDONLY }, { "w", O_WRONLY }, { "rw", O_RDWR },
	{ "append", O_APPEND }, { "creat", O_CREAT }, { "direct", O_DIRECT }, { "directory", O_DIRECTORY },
	{ "excl", O_EXCL }, { "nonblock", O_NONBLOCK }, { "sync", O_SYNC }, { "trunc", O_TRUNC },
};

static int parse_open_flags(char *words, int *flags)
{
	size_t i, count = sizeof(open_words) / sizeof(open_words[0]);
	char *next;

	for (*flags = 0; words; words = next) {
		next = strchr(words, ',');
		if (next)
			*next++ = 0;
		for (i = 0; i < count && strcmp(open_words[i].word, words); i++)
			;
		if (i == count)
			return -1;
		*flags |= open_words[i].flags;
	}
	return 0;
}

static struct result step_open(char **word, long long *number)
{
	int flags;

	(void)number;
	if (parse_open_flags(word[0], &flags))
		return refuse("unknown open flag");
	return returned(open(word[1], flags, 0600));
}

static struct result step_close(char **word, long long *number)
{
	(void)word;
	if (number[0] >= 0 && number[0] < 3)
		return refuse("a descriptor of rbctl's own");
	return returned(close(number[0]));
}

static struct result step_dup(char **word, long long *number)
{
	(void)word;
	return returned(dup(number[0]));
}

static struct result step_fsync(char **word, long long *number)
{
	(void)word;
	return returned(fsync(number[0]));
}

/*
 * Offsets are 64 bits wide. On 32-bit machines they travel in two halves, on
 * some of these in an even register and the one after it. Not every nolibc
 * has functions for these calls.
 */
#define HALF(offset, i) ((long)((offset) >> ((__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) ^ (i)) * 32))
#if __SIZEOF_LONG__ == 8
#define CALL_AT(call, fd, bytes, size, offset) syscall(call, fd, (long)(bytes), size, (long)(offset))
#define CALL_LENGTH(fd, length) syscall(__NR_ftruncate, fd, (long)(length))
#elif defined(__arm__) || defined(__mips__) || defined(__powerpc__)
#define CALL_AT(call, fd, bytes, size, offset) \
	syscall(call, fd, (long)(bytes), size, 0L, HALF(offset, 0), HALF(offset, 1))
#define CALL_LENGTH(fd, length) syscall(__NR_ftruncate64, fd, 0L, HALF(length, 0), HALF(length, 1))
#else
#define CALL_AT(call, fd, bytes, size, offset) \
	syscall(call, fd, (long)(bytes), size, HALF(offset, 0), HALF(offset, 1))
#define CALL_LENGTH(fd, length) syscall(__NR_ftruncate64, fd, HALF(length, 0), HALF(length, 1))
#endif

static struct result read_into(long fd, long long count, const long long *offset)
{
	unsigned char *bytes;
	long value;

	if (count < 0 || count > IO_MAX)
		return refuse("count out of range");
	bytes = buffer(count);
	if (offset)
		value = CALL_AT(__NR_pread64, fd, bytes, (long)count, *offset);
	else
		value = syscall(__NR_read, fd, (long)bytes, (long)count);
	return returned_data(value, bytes, value > 0 ? value : 0);
}

static struct result step_read(char **word, long long *number)
{
	(void)word;
	return read_into(number[0], number[1], NULL);
}

static struct result step_pread(char **word, long long *number)
{
	(void)word;
	return read_into(number[0], number[1], &number[2]);
}

static struct result step_write(char **word, long long *number)
{
	size_t size;
	unsigned char *bytes = hex_buffer(word[1], &size);

	if (!bytes)
		return refuse("not HEX");
	return returned(syscall(__NR_write, (long)number[0], (long)bytes, (long)size));
}

static struct result step_pwrite(char **word, long long *number)
{
	size_t size;
	unsigned char *bytes = hex_buffer(word[1], &size);

	if (!bytes)
		return refuse("not HEX");
	return returned(CALL_AT(__NR_pwrite64, (long)number[0], bytes, (long)size, number[2]));
}

static struct result bad_transfer(long call, char **word, long long *number)
{
	long address;

	if (bad_address(word[2], &address))
		return refuse("neither null nor unmapped");
	return returned(syscall(call, (long)number[0], address, (long)number[1]));
}

static struct result step_badread(char **word, long long *number)
{
	return bad_transfer(__NR_read, word, number);
}

static struct result step_badwrite(char **word, long long *number)
{
	return bad_transfer(__NR_write, word, number);
}

static struct result step_lseek(char **word, long long *number)
{
	(void)word;
	return returned(lseek(number[0], number[1], number[2]));
}

static struct result step_ftruncate(char **word, long long *number)
{
	(void)word;
	return returned(CALL_LENGTH((long)number[0], number[1]));
}

static struct result call_ioctl(const long long *number, long argument)
{
	return returned(syscall(__NR_ioctl, (long)number[0], (long)number[1], argument));
}

/* The bytes of HEX at the end of memory of their own, behind which is none; sets size, NULL if it is not HEX. */
static unsigned char *own_buffer(const char *hex, size_t *size)
{
	size_t room = (strlen(hex) / 2 + GUARD) & ~(GUARD - 1);
	unsigned char *start = mmap(NULL, room + GUARD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED)
		return NULL;
	mmap(start + room, GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	*size = strlen(hex) / 2;
	return parse_hex(hex, start + room - *size, *size) < 0 ? NULL : start + room - *size;
}

/* What own_buffer() made; its first byte may be that of the memory behind it, if it has none. */
static void free_buffer(unsigned char *bytes, size_t size)
{
	unsigned long end = (unsigned long)bytes + size;
	size_t room = (size + GUARD) & ~(GUARD - 1);

	munmap((void *)(end - room), room + GUARD);
}

#define POINTERS 15

/* Issue an ioctl with a structure that points to others: HEX, then ,OFFSET=HEX for each. */
static struct result ioctl_pointers(const long long *number, char *text)
{
	static unsigned char answer[IO_MAX];
	unsigned char *bytes[POINTERS + 1];
	size_t size[POINTERS + 1], filled = 0;
	const char *wrong = NULL;
	struct result result;
	long long at[POINTERS + 1];
	int i, count = 0;
	char *next, *hex;

	for (; text && !wrong; text = next) {
		next = strchr(text, ',');
		if (next)
			*next++ = 0;
		hex = text;
		if (count == POINTERS + 1)
			wrong = "too many pointers";
		if (count && !wrong) {
			hex = strchr(text, '=');
			if (hex)
				*hex++ = 0;
			if (!hex || parse_number(text, &at[count]))
				wrong = "not OFFSET=HEX";
			else if (at[count] < 0 || size[0] < sizeof(long) || at[count] > (long long)(size[0] - sizeof(long)))
				wrong = "offset out of range";
		}
		if (wrong)
			break;
		bytes[count] = own_buffer(hex, &size[count]);
		if (!bytes[count]) {
			wrong = "not HEX";
			break;
		}
		if (count)
			memcpy(bytes[0] + at[count], &bytes[count], sizeof(long));
		filled += size[count++];
		if (filled > IO_MAX)
			wrong = "too much";
	}
	if (wrong)
		result = refuse(wrong);
	else
		result = call_ioctl(number, (long)bytes[0]);
	/* an address means nothing to who reads the answer */
	for (i = 1; i < count && !wrong; i++)
		if (!memcmp(bytes[0] + at[i], &bytes[i], sizeof(long)))
			memset(bytes[0] + at[i], 0, sizeof(long));
	for (i = 0, filled = 0; i < count; filled += size[i++]) {
		if (!wrong)
			memcpy(answer + filled, bytes[i], size[i]);
		free_buffer(bytes[i], size[i]);
	}
	result.data = answer;
	result.size = wrong ? 0 : filled;
	return result;
}

static struct result step_ioctl(char **word, long long *number)
{
	char *value = strchr(word[2], ':');
	struct result result;
	unsigned char *bytes;
	long long plain;
	long address;
	size_t size;

	if (!strcmp(word[2], "none"))
		return call_ioctl(number, 0);
	if (!bad_address(word[2], &address))
		return call_ioctl(number, address);
	if (!value)
		return refuse("unknown ioctl argument");
	*value++ = 0;
	if (!strcmp(word[2], "int") && !parse_number(value, &plain))
		return call_ioctl(number, plain);
	if (!strcmp(word[2], "ptr"))
		return ioctl_pointers(number, value);
	if (strcmp(word[2], "buf"))
		return refuse("unknown ioctl argument");
	bytes = hex_buffer(value, &size);
	if (!bytes)
		return refuse("not HEX");
	result = call_ioctl(number, (long)bytes);
	result.data = bytes;
	result.size = size;
	return result;
}

static struct result step_poll(char **word, long long *number)
{
	static unsigned char events[2];
	struct pollfd entry = { .fd = number[0], .events = number[1] };
	int value = poll(&entry, 1, number[2]);

	(void)word;
	events[0] = entry.revents >> 8;
	events[1] = entry.revents & 255;
	return returned_data(value, events, 2);
}

static int parse_protection(const char *word)
{
	if (!strcmp(word, "none"))
		return PROT_NONE;
	if (!strcmp(word, "r"))
		return PROT_READ;
	if (!strcmp(word, "w"))
		return PROT_WRITE;
	return strcmp(word, "rw") ? -1 : PROT_READ | PROT_WRITE;
}

static struct result step_mmap(char **word, long long *number)
{
	int protection = parse_protection(word[2]);
	int shared = !strcmp(word[3], "shared");
	void *start;
	long i = 0;

	if (protection < 0 || (!shared && strcmp(word[3], "private")))
		return refuse("unknown protection or kind");
	while (i < MAPS && maps[i].start)
		i++;
	if (i == MAPS)
		return refuse("too many maps");
	start = mmap(NULL, number[1], protection, shared ? MAP_SHARED : MAP_PRIVATE, number[0], number[4]);
	if (start == MAP_FAILED)
		return returned(-1);
	maps[i].start = start;
	maps[i].size = number[1];
	return returned(i);
}

/* The address at an offset of a map, NULL if those bytes are not in it. */
static volatile unsigned char *in_map(long long map, long long offset, unsigned long long size)
{
	if (map < 0 || map >= MAPS || !maps[map].start || offset < 0)
		return NULL;
	if (size > maps[map].size || (unsigned long long)offset > maps[map].size - size)
		return NULL;
	return maps[map].start + offset;
}

static struct result step_munmap(char **word, long long *number)
{
	long value;

	(void)word;
	if (!in_map(number[0], 0, 0))
		return refuse("no such map");
	value = munmap(maps[number[0]].start, maps[number[0]].size);
	maps[number[0]].start = NULL;
	return returned(value);
}

/*
 * Copy; naturally aligned 1, 2, 4 or 8 bytes in one access, as device registers want. Processors of 32 bits make
 * two of 8 bytes, the lower half first, like lo_hi_writeq() in their drivers.
 */
static void copy_once(volatile void *to, const volatile void *from, size_t size)
{
	int aligned = !(((unsigned long)to | (unsigned long)from) & (size - 1));
	size_t i;

	if (size == 2 && aligned)
		*(volatile uint16_t *)to = *(const volatile uint16_t *)from;
	else if (size == 4 && aligned)
		*(volatile uint32_t *)to = *(const volatile uint32_t *)from;
	else if (size == 8 && aligned && sizeof(long) == 8)
		*(volatile uint64_t *)to = *(const volatile uint64_t *)from;
	else if (size == 8 && aligned)
		for (i = 0; i < 2; i++)
			((volatile uint32_t *)to)[i] = ((const volatile uint32_t *)from)[i];
	else
		for (i = 0; i < size; i++)
			((volatile unsigned char *)to)[i] = ((const volatile unsigned char *)from)[i];
}

static struct result step_peek(char **word, long long *number)
{
	volatile unsigned char *from = in_map(number[0], number[1], number[2]);

	(void)word;
	if (!from || number[2] > IO_MAX)
		return refuse("outside the map");
	copy_once(arena, from, number[2]);
	return returned_data(number[2], arena, number[2]);
}

static struct result step_poke(char **word, long long *number)
{
	size_t size;
	unsigned char *bytes = hex_buffer(word[2], &size);
	volatile unsigned char *to = in_map(number[0], number[1], size);

	if (!bytes || !to)
		return refuse(bytes ? "outside the map" : "not HEX");
	copy_once(to, bytes, size);
	return returned(size);
}

/*
 * Load a module; of the allocations of this task meanwhile the NTH fails, if that is not 0. Nothing else of this
 * process is between, so that no other allocation counts. The bytes are what is left of NTH: 0 if one failed.
 */
static struct result step_load(char **word, long long *number)
{
	static unsigned char left[16];
	struct result result;
	ssize_t size = 0;
	int nth = -1;

	if (number[1]) {
		nth = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
		if (nth < 0 || write(nth, word[1], strlen(word[1])) < 0) {
			result = returned(-1);
			close(nth);
			return result;
		}
	}
	result = returned(syscall(__NR_finit_module, (long)number[0], (long)word[2], 0L));
	if (nth >= 0) {
		size = read(nth, left, sizeof(left));
		write(nth, "0", 1);
		close(nth);
	}
	result.data = left;
	result.size = size > 0 ? size : 0;
	return result;
}

static struct result step_sleep(char **word, long long *number)
{
	(void)word;
	return returned(poll(NULL, 0, number[0]));
}

static struct result step_pid(char **word, long long *number)
{
	(void)word;
	(void)number;
	return returned(getpid());
}

static const struct {
	const char *name;
	struct result (*run)(char **word, long long *number);
	/* a letter for each field: f is a descriptor, n a number, w a word; the last one takes the rest of the text */
	const char *fields;
} steps[] = {
	{ "open", step_open, "ww" },
	{ "close", step_close, "f" },
	{ "dup", step_dup, "f" },
	{ "fsync", step_fsync, "f" },
	{ "read", step_read, "fn" },
	{ "write", step_write, "fw" },
	{ "pread", step_pread, "fnn" },
	{ "pwrite", step_pwrite, "fwn" },
	{ "badread", step_badread, "fnw" },
	{ "badwrite", step_badwrite, "fnw" },
	{ "lseek", step_lseek, "fnn" },
	{ "ftruncate", step_ftruncate, "fn" },
	{ "ioctl", step_ioctl, "fnw" },
	{ "poll", step_poll, "fnn" },
	{ "mmap", step_mmap, "fnwwn" },
	{ "munmap", step_munmap, "n" },
	{ "peek", step_peek, "nnn" },
	{ "poke", step_poke, "nnw" },
	{ "load", step_load, "fnw" },
	{ "sleep", step_sleep, "n" },
	{ "pid", step_pid, "" },
	{ "exit", step_pid, "" },
};

/* Split text in place into the fields a step has; returns what is wrong with it, or NULL. */
static const char *split(char *text, const char *fields, char **word, long long *number)
{
	size_t i, count = strlen(fields);

	for (i = 0; i < count; i++) {
		if (!text)
			return "too few fields";
		word[i] = text;
		text = i + 1 < count ? strchr(text, ':') : NULL;
		if (text)
			*text++ = 0;
		if (fields[i] != 'w' && parse_number(word[i], &number[i]))
			return "not a number";
		if (fields[i] == 'f' && (number[i] == LAST_FD + 1 || number[i] == LAST_FD + 2))
			return "a descriptor of rbctl's own";
	}
	return NULL;
}

/* Run one step; its text is cut up. */
struct result run_step(char *text)
{
	char *word[FIELDS];
	long long number[FIELDS];
	const char *complaint;
	char *rest = strchr(text, ':');
	size_t i;

	if (rest)
		*rest++ = 0;
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (strcmp(steps[i].name, text))
			continue;
		if (rest && !*steps[i].fields)
			return refuse("too many fields");
		complaint = split(rest, steps[i].fields, word, number);
		return complaint ? refuse(complaint) : steps[i].run(word, number);
	}
	return refuse("unknown step");
}

int command_sys(int argc, char **argv)
{
	static char line[LINE_MAX_BYTES];
	struct result result;
	int i;

	prepare_steps();
	for (i = 0; i < argc; i++) {
		result = run_step(argv[i]);
		write_all(1, line, render_result(line, i, &result));
		if (result.complaint)
			return STATUS_USAGE;
	}
	return STATUS_OK;
}
