// A TCG plugin that records which code of the guest QEMU has translated, which it does right before it runs.
//
// Each process of QEMU has a file of its own below $RUSTBED_COVERAGE, named after its number: an entry for each
// block of code, in the order of time. executed.py reads it. The file is open only while it is written: a QEMU
// that copies itself can hold neither descriptors nor shared memory that its copy would have too.
//
// Declared here is what we use of QEMU's plugin API, version 7 (QEMU 11.1): Debian packages no header for it.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*callback)(struct qemu_plugin_tb *, void *),
					   void *userdata);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

EXPORTED int qemu_plugin_version = 7;
EXPORTED int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

struct entry {
	// addresses of the first byte, and of the one behind the last
	uint64_t begin, end;
	// on CLOCK_MONOTONIC, in nanoseconds
	uint64_t time;
};

static void write_entry(const struct entry *entry)
{
	const char *directory = getenv("RUSTBED_COVERAGE");
	char path[4096];
	int file;

	if (!directory || snprintf(path, sizeof(path), "%s/%d", directory, (int)getpid()) >= (int)sizeof(path))
		return;
	// run.sh of a session that is over finds no directory
	file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (file < 0)
		return;
	if (write(file, entry, sizeof(*entry)) != (ssize_t)sizeof(*entry))
		fprintf(stderr, "rustbed: what ran cannot be recorded in %s\n", path);
	close(file);
}

static void on_translation(struct qemu_plugin_tb *tb, void *unused)
{
	size_t count = qemu_plugin_tb_n_insns(tb);
	const struct qemu_plugin_insn *last;
	struct timespec now;
	struct entry entry;

	(void)unused;
	if (!count)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	last = qemu_plugin_tb_get_insn(tb, count - 1);
	entry = (struct entry){
		.begin = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0)),
		.end = qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last),
		.time = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
	};
	write_entry(&entry);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	(void)argc;
	(void)argv;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation, NULL);
	return 0;
}
