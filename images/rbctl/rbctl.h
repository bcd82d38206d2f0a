/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of rbctl share. The protocol is described in rbctl.c. */

#ifndef RBCTL_H
#define RBCTL_H

#include "nolibc.h"

/* most bytes one step can move, and thus the longest step text */
#define IO_MAX (1 << 20)
#define LINE_MAX_BYTES (2 * IO_MAX + 4096)

/* the last descriptor a step may get; a session keeps its own behind it */
#define LAST_FD 1021

enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* what one step did */
struct result {
	long long value;		/* what the system call returned */
	int error;			/* errno, 0 if it succeeded */
	const unsigned char *data;	/* bytes that came back */
	size_t size;
	const char *complaint;		/* the step makes no sense: why; NULL if it does */
};

/* rbctl.c: text in and out */
int run_command(int argc, char **argv);
int complain(const char *what, const char *detail);
int fail(int error);
int write_all(int fd, const void *data, size_t size);
int parse_number(const char *text, long long *number);
long parse_hex(const char *text, unsigned char *bytes, size_t room);
size_t render_result(char *text, long index, const struct result *result);

/* steps.c */
void prepare_steps(void);
void forget_steps(void);
struct result run_step(char *text);
int command_sys(int argc, char **argv);

/* session.c */
int command_session(int argc, char **argv);
int command_ask(int argc, char **argv);
int command_send(int argc, char **argv);
int command_receive(int argc, char **argv);

/* stream.c */
int command_kmsg(int argc, char **argv);
int command_put(int argc, char **argv);
int command_get(int argc, char **argv);

/* list.c */
int command_list(int argc, char **argv);

/* modules.c */
int command_insmod(int argc, char **argv);
int command_rmmod(int argc, char **argv);

/* agent.c */
void set_name(const char *name);
int command_agent(int argc, char **argv);

#endif
