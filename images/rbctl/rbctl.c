// SPDX-License-Identifier: GPL-2.0-only
/*
 * rbctl: what a test needs in the guest and a shell cannot do.
 *
 * One static program without a libc: compiled with the nolibc of the kernel's
 * own tree, so that an architecture which boots can also be tested. Nothing
 * here may assume a byte order or a word size.
 *
 *   rbctl sys STEP...              run steps in one process, then exit
 *   rbctl session DIR              start a process that keeps its descriptors
 *   rbctl ask DIR STEP...          run steps in that process, print their results
 *   rbctl send DIR STEP...         the first half of ask: hand steps over
 *   rbctl receive DIR COUNT MS     the second half: wait MS (-1: for ever) for results
 *   rbctl put PATH SIZE MODE       write the next SIZE bytes of standard input to PATH
 *   rbctl get PATH                 print all of a file
 *   rbctl list DEPTH DIR [PATH...] print DIR and the paths below it on the same file system, down to a DEPTH, without those PATHs
 *   rbctl insmod PATH [NAME=VALUE...]   load a module from a file; the status is the errno
 *   rbctl rmmod NAME               unload a module that nobody uses
 *   rbctl agent                    run these commands for the shell, for ever
 *   rbctl kmsg PORT                copy the kernel log to PORT, for ever; wake a fork
 *
 * Exit status: 0 the work was done (whatever the steps returned), 1 a system
 * call of rbctl's own failed (last line on standard output: `errno N`), 2 it
 * was not called correctly (the reason is on standard error).
 *
 * STEPS. A step is one system call, its fields separated by colons; the last
 * field may hold colons itself. The descriptors of a fresh process are 0, 1
 * and 2, so the first `open` returns 3. Numbers are decimal or 0x..., HEX is
 * two digits a byte, possibly none.
 *
 *   open:FLAGS:PATH             FLAGS: r, w or rw, then any of ,append ,creat ,direct ,directory
 *                               ,excl ,nonblock ,sync ,trunc; new files get mode 0600
 *   close:FD  dup:FD  fsync:FD
 *   read:FD:COUNT               write:FD:HEX
 *   pread:FD:COUNT:OFFSET       pwrite:FD:HEX:OFFSET
 *   badread:FD:COUNT:WHERE      badwrite:FD:COUNT:WHERE      WHERE: null or unmapped
 *   lseek:FD:OFFSET:WHENCE      WHENCE: 0 set, 1 current, 2 end, 3 data, 4 hole
 *   ftruncate:FD:LENGTH
 *   ioctl:FD:REQUEST:none       no argument
 *   ioctl:FD:REQUEST:int:N      the argument is N itself
 *   ioctl:FD:REQUEST:buf:HEX    the argument points to these bytes; they are returned as they are after it
 *   ioctl:FD:REQUEST:ptr:HEX,OFFSET=HEX,...   as buf, and at each OFFSET of the first bytes stands the address
 *                               of others; all are returned, one behind the other, and such an address as 0
 *   ioctl:FD:REQUEST:WHERE      the argument points to nowhere
 *   poll:FD:EVENTS:MS           the returned data are the revents, two bytes, high one first
 *   mmap:FD:LENGTH:PROT:KIND:OFFSET   PROT: none, r, w or rw; KIND: shared or private; returns a map number
 *   munmap:MAP
 *   peek:MAP:OFFSET:COUNT       poke:MAP:OFFSET:HEX          1, 2, 4 and 8 aligned bytes in one access,
 *                                                          on 32 bits 8 in two
 *   load:FD:NTH:PARAMS          load a module; the NTH allocation meanwhile fails, none if it is 0; returned is what
 *                               is then left of NTH, as text: 0 if it failed
 *   sleep:MS   pid   exit       (exit ends a session, and takes its directory away)
 *
 * Buffers end where unmapped memory begins: a kernel that touches more than
 * it was offered gets EFAULT. One `write` is exactly one write(2).
 *
 * RESULTS. A line per step, in order:
 *
 *   INDEX VALUE ERRNO DATA      INDEX counts from 0; VALUE is -1 if ERRNO is not 0; DATA is HEX, or - for none
 *   INDEX ! TEXT                the step makes no sense and was not run; `sys` stops with status 2
 *
 * SESSION. `rbctl session DIR` makes the directory with two FIFOs, prints
 * `session PID` and returns; the process in the background holds both ends of
 * both FIFOs and so never sees an end of file. Its indices count from its
 * start. `ask` fails with `errno 32` (EPIPE) when the process is gone.
 *
 * KMSG. A line `SECONDS SEED ANSWER` from PORT is what a machine is told first that is a fork of another:
 * the wall clock is set, the kernel gets the seed (hexadecimal digits) for its random numbers, and the line
 * ANSWER is written to PORT, which is no record of the kernel log.
 *
 * AGENT. Its descriptors 1022 and 1023, which the shell opens by /proc, are pipes. A request into the first is a number
 * and so many words, each ended by a zero byte: a command. Its status, as a shell has it in $?, is a line from the
 * second. Output of both kinds goes where the agent's output goes, which is where `put` reads, too. Descriptors and maps
 * are gone at a command's end. A request that is not understood ends the agent.
 *
 * PUT. MODE is octal. Directories on the way to PATH are made. Prints `go`, takes SIZE bytes from standard input whatever happens to
 * the file, then prints `done SIZE` or `errno N`.
 */

#include "rbctl.h"

static const char digits[] = "0123456789abcdef";

int complain(const char *what, const char *detail)
{
	write_all(2, "rbctl: ", 7);
	write_all(2, what, strlen(what));
	write_all(2, detail, strlen(detail));
	write_all(2, "\n", 1);
	return STATUS_USAGE;
}

int fail(int error)
{
	printf("errno %d\n", error);
	return STATUS_FAILED;
}

/* Write everything; return 0, or the errno that stopped it. */
int write_all(int fd, const void *data, size_t size)
{
	const char *rest = data;

	while (size) {
		ssize_t count = write(fd, rest, size);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return count ? errno : EIO;
		rest += count;
		size -= count;
	}
	return 0;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* Parse all of a decimal or 0x number, signed or as large as 2^64 - 1; return 0, or -1 if it is none. */
int parse_number(const char *text, long long *number)
{
	/* the largest sum that may get another digit; constants, because 32-bit machines cannot divide by a variable */
	unsigned long long sum = 0, limit = ~0ULL / 10;
	unsigned int base = 10, last = ~0ULL % 10;
	int negative = *text == '-';

	text += negative;
	if (text[0] == '0' && text[1] == 'x') {
		base = 16;
		limit = ~0ULL / 16;
		last = 15;
		text += 2;
	}
	if (!*text)
		return -1;
	for (; *text; text++) {
		unsigned int digit = digit_of(*text);

		if (digit >= base || sum > limit || (sum == limit && digit > last))
			return -1;
		sum = sum * base + digit;
	}
	*number = negative ? -sum : sum;
	return 0;
}

/* Parse HEX into bytes; return how many, or -1. */
long parse_hex(const char *text, unsigned char *bytes, size_t room)
{
	size_t size = 0;

	for (; *text; text += 2) {
		int high = digit_of(text[0]);
		int low = text[1] ? digit_of(text[1]) : 99;

		if (high > 15 || low > 15 || size == room)
			return -1;
		bytes[size++] = high << 4 | low;
	}
	return size;
}

/* Render a result line into text, which has room for LINE_MAX_BYTES; return its length. */
size_t render_result(char *text, long index, const struct result *result)
{
	char *end = text + i64toa_r(index, text);
	size_t i;

	*end++ = ' ';
	if (result->complaint) {
		*end++ = '!';
		*end++ = ' ';
		end = strcpy(end, result->complaint) + strlen(result->complaint);
	} else {
		end += i64toa_r(result->value, end);
		*end++ = ' ';
		end += i64toa_r(result->error, end);
		*end++ = ' ';
		if (!result->size)
			*end++ = '-';
		for (i = 0; i < result->size; i++) {
			*end++ = digits[result->data[i] >> 4];
			*end++ = digits[result->data[i] & 15];
		}
	}
	*end++ = '\n';
	return end - text;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	int least, most;
} commands[] = {
	{ "sys", command_sys, 1, 1 << 20 },
	{ "session", command_session, 1, 1 },
	{ "ask", command_ask, 2, 1 << 20 },
	{ "send", command_send, 2, 1 << 20 },
	{ "receive", command_receive, 3, 3 },
	{ "kmsg", command_kmsg, 1, 1 },
	{ "put", command_put, 3, 3 },
	{ "get", command_get, 1, 1 },
	{ "list", command_list, 2, 1 << 20 },
	{ "insmod", command_insmod, 1, 1 << 20 },
	{ "rmmod", command_rmmod, 1, 1 },
	{ "agent", command_agent, 0, 0 },
};

/* Run a command, its name first; returns its exit status. */
int run_command(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 0 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, argv[0]))
			continue;
		if (argc - 1 < commands[i].least || argc - 1 > commands[i].most)
			return complain("wrong number of arguments for ", argv[0]);
		return commands[i].run(argc - 1, argv + 1);
	}
	return complain("unknown command ", argc > 0 ? argv[0] : "(none)");
}

int main(int argc, char **argv)
{
	return run_command(argc - 1, argv + 1);
}
