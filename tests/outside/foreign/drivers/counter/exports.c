// SPDX-License-Identifier: GPL-2.0
#include <linux/export.h>
#include <linux/types.h>

u32 counter_next(void);
EXPORT_SYMBOL_GPL(counter_next);
