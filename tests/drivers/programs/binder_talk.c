/*
 * Two processes that talk by a binder device: the context manager takes one transaction and replies with
 * its letters in capitals. Says who heard what; exits with 0 if both did.
 *
 * talk DEVICE WORD
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/android/binder.h>

#define SPACE 65536
#define CODE 7

struct command {
	__u32 what;
	struct binder_transaction_data data;
} __attribute__((packed));

static void must(int done, const char *what)
{
	if (!done) {
		perror(what);
		exit(2);
	}
}

static int open_binder(const char *path)
{
	int fd = open(path, O_RDWR);

	must(fd >= 0, "open");
	must(mmap(NULL, SPACE, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED, "mmap");
	return fd;
}

static void tell(int fd, const void *commands, int size)
{
	struct binder_write_read turn = { .write_size = size, .write_buffer = (unsigned long)commands };

	must(ioctl(fd, BINDER_WRITE_READ, &turn) == 0 && turn.write_consumed == size, "write");
}

static void send(int fd, __u32 what, const char *text)
{
	struct command command = {
		.what = what,
		.data = { .code = CODE, .data_size = strlen(text) + 1, .data.ptr.buffer = (unsigned long)text },
	};

	tell(fd, &command, sizeof(command));
}

/* wait until the kernel says `wanted`, and return what came with it */
static struct binder_transaction_data hear(int fd, __u32 wanted)
{
	struct binder_transaction_data data = {};

	for (;;) {
		char told[512];
		struct binder_write_read turn = { .read_size = sizeof(told), .read_buffer = (unsigned long)told };
		__u64 at = 0;

		must(ioctl(fd, BINDER_WRITE_READ, &turn) == 0, "read");
		while (at < turn.read_consumed) {
			__u32 what;

			memcpy(&what, told + at, sizeof(what));
			at += sizeof(what);
			if (what == wanted) {
				memcpy(&data, told + at, sizeof(data));
				return data;
			}
			if (what != BR_NOOP && what != BR_TRANSACTION_COMPLETE && what != BR_SPAWN_LOOPER) {
				printf("told %x\n", what);
				exit(3);
			}
		}
	}
}

static void give_back(int fd, binder_uintptr_t buffer)
{
	struct {
		__u32 what;
		binder_uintptr_t buffer;
	} __attribute__((packed)) command = { BC_FREE_BUFFER, buffer };

	tell(fd, &command, sizeof(command));
}

static int ask(const char *path, const char *word)
{
	int fd = open_binder(path);
	struct binder_transaction_data reply;

	send(fd, BC_TRANSACTION, word);
	reply = hear(fd, BR_REPLY);
	printf("the client heard %s\n", (const char *)(unsigned long)reply.data.ptr.buffer);
	give_back(fd, reply.data.ptr.buffer);
	return 0;
}

int main(int argc, char **argv)
{
	const __u32 enter = BC_ENTER_LOOPER;
	int manager = 0, status, fd, at;
	struct binder_transaction_data heard;
	char capitals[64] = "";
	const char *text;
	pid_t client;

	must(argc == 3 && strlen(argv[2]) < sizeof(capitals), "talk DEVICE WORD");
	fd = open_binder(argv[1]);
	must(ioctl(fd, BINDER_SET_CONTEXT_MGR, &manager) == 0, "context manager");
	tell(fd, &enter, sizeof(enter));
	client = fork();
	must(client >= 0, "fork");
	if (client == 0)
		return ask(argv[1], argv[2]);
	heard = hear(fd, BR_TRANSACTION);
	text = (const char *)(unsigned long)heard.data.ptr.buffer;
	printf("the manager heard %s, code %d, %s the client\n", text, heard.code,
	       heard.sender_pid == client ? "from" : "not from");
	for (at = 0; text[at]; at++)
		capitals[at] = text[at] - ('a' <= text[at] && text[at] <= 'z' ? 'a' - 'A' : 0);
	give_back(fd, heard.data.ptr.buffer);
	send(fd, BC_REPLY, capitals);
	must(waitpid(client, &status, 0) == client, "wait");
	return status != 0;
}
