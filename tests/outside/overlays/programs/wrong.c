// SPDX-License-Identifier: GPL-2.0
#include "include/words.h"

int main(void)
{
	return number;
}
