/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A library that is preloaded into QEMU, so that a running QEMU can copy itself.
 *
 * The host asks over a SOCK_SEQPACKET socket. The main thread serves the request
 * inside its own ppoll(2): it stops the other threads, checks that nothing of the
 * process would be shared by accident, calls clone(2) like fork(2) does, and makes
 * the other threads again in the copy. docs/decisions/ has the reasons.
 *
 * Messages, one packet each:
 *   "ready" or "unable: WHY"          the process has started
 *   descriptor numbers (int32), and as many descriptors by SCM_RIGHTS
 *                                     copy yourself; in the copy, these replace those
 *   "copied PID" or "refused: WHY"    the answer
 *   "running PID NUMBERS" or "failed: WHY"
 *                                     from the copy, on its own socket; then "ready"; NUMBERS are
 *                                     those of threads, OLD:NEW: the program goes on to tell the old one
 * The process kills itself when the other end of its socket is closed.
 */
#ifndef SHIM_H
#define SHIM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* the environment variable that names the socket */
#define SOCKET_VARIABLE "RUSTBED_COPY_FD"
#define MAX_DESCRIPTORS 64
#define MAX_WHY 160
/* bytes of one packet, at most: two numbers for each of 64 threads */
#define MAX_PACKET 2048

/* clone(2) like fork(2), but the copy is a child of our parent, which owns both */
#define COPY_FLAGS (SIGCHLD | CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)

#define EXPORTED __attribute__((visibility("default")))

/* a request, as it was received */
struct request {
	unsigned count;
	int32_t replaced[MAX_DESCRIPTORS];
	int received[MAX_DESCRIPTORS];
};

/* start.c: facts about this process, checked when it starts; -1 and NULL until then */
extern int control;
extern int park_signal;
extern long tid_offset;
extern long rseq_offset;
extern unsigned int rseq_size;
extern const uint8_t *libc_text, *libc_text_end;

/* threads.c */
bool park_threads(char *why);
void release_threads(void);
const char *remake_threads(void);
void render_threads(char *text, size_t room);
void take_park_signal(void);
int *tid_field(void *self);

/* holdings.c */
bool check_holdings(const struct request *request, char *why);
const char *replace_holdings(const struct request *request);

/* copying.c */
void serve_request(void);
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
