// SPDX-License-Identifier: GPL-2.0
#include <linux/input.h>
#include <sys/ioctl.h>
#include "include/words.h"

int main(int argc, char **argv)
{
	int unused_number;

	printf("%s %s, %d bytes\n", GREETING, argv[1], (int)sizeof(struct input_event));
	return argc == 2 ? 7 : 1;
}
