// SPDX-License-Identifier: GPL-2.0-only
/* Modules in and out, by the system calls and under the names that insmod and rmmod have. */

#include "rbctl.h"

int command_insmod(int argc, char **argv)
{
	static char params[65536];
	size_t used = 0;
	int file, i, error = 0;

	/* the agent runs many commands: those of the one before are still here */
	params[0] = 0;
	for (i = 1; i < argc; i++) {
		size_t size = strlen(argv[i]);

		if (used + size + 2 > sizeof(params))
			return fail(E2BIG);
		if (used)
			params[used++] = ' ';
		memcpy(params + used, argv[i], size + 1);
		used += size;
	}
	/* reports of the kernel name the process */
	set_name("insmod");
	file = open(argv[0], O_RDONLY | O_CLOEXEC);
	if (file < 0 || syscall(__NR_finit_module, (long)file, (long)params, 0L) < 0) {
		/* insmod's own status is the number, too */
		error = errno;
		fail(error);
	}
	return error;
}

int command_rmmod(int argc, char **argv)
{
	(void)argc;
	set_name("rmmod");
	if (syscall(__NR_delete_module, (long)argv[0], (long)(O_NONBLOCK | O_EXCL)) < 0)
		return fail(errno);
	return STATUS_OK;
}
