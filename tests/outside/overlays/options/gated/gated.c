// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>
#include <linux/w1.h>

static struct w1_bus_master master;

static int __init gated_init(void)
{
	return w1_add_master_device(&master);
}

static void __exit gated_exit(void)
{
	w1_remove_master_device(&master);
}

module_init(gated_init);
module_exit(gated_exit);
MODULE_DESCRIPTION("Needs an option that the kernel lacks");
MODULE_LICENSE("GPL");
