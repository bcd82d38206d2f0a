// SPDX-License-Identifier: GPL-2.0
/*
 * A driver with two lines: it keeps the device awake while the device is busy.
 *
 * The controller is named by the parameter, as no firmware describes it.
 */
#include <linux/gpio/consumer.h>
#include <linux/gpio/machine.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/platform_device.h>

static char *chip = "";
module_param(chip, charp, 0444);
MODULE_PARM_DESC(chip, "Label of the controller");

static struct gpiod_lookup_table table = {
	.dev_id = "lines",
	.table = {
		{ .chip_hwnum = 0, .con_id = "awake", .flags = GPIO_ACTIVE_HIGH },
		{ .chip_hwnum = 1, .con_id = "busy", .flags = GPIO_ACTIVE_LOW },
		{ },
	},
};
static struct platform_device *device;

struct lines {
	struct gpio_desc *awake;
	struct gpio_desc *busy;
};

static irqreturn_t lines_changed(int irq, void *data)
{
	struct lines *lines = data;
	int busy = gpiod_get_value_cansleep(lines->busy);

	if (busy < 0)
		return IRQ_NONE;
	gpiod_set_value_cansleep(lines->awake, busy);
	return IRQ_HANDLED;
}

static int lines_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct lines *lines = devm_kzalloc(dev, sizeof(*lines), GFP_KERNEL);
	int irq;

	if (!lines)
		return -ENOMEM;
	lines->awake = devm_gpiod_get(dev, "awake", GPIOD_OUT_LOW);
	if (IS_ERR(lines->awake))
		return dev_err_probe(dev, PTR_ERR(lines->awake), "no line to keep it awake\n");
	lines->busy = devm_gpiod_get(dev, "busy", GPIOD_IN);
	if (IS_ERR(lines->busy))
		return dev_err_probe(dev, PTR_ERR(lines->busy), "no line that says it is busy\n");
	irq = gpiod_to_irq(lines->busy);
	if (irq < 0)
		return irq;
	return devm_request_threaded_irq(dev, irq, NULL, lines_changed,
					 IRQF_TRIGGER_RISING | IRQF_TRIGGER_FALLING | IRQF_ONESHOT,
					 "lines", lines);
}

static struct platform_driver driver = {
	.probe = lines_probe,
	.driver = { .name = "lines" },
};

static int __init lines_init(void)
{
	int ret;

	table.table[0].key = chip;
	table.table[1].key = chip;
	gpiod_add_lookup_table(&table);
	ret = platform_driver_register(&driver);
	if (ret)
		goto no_driver;
	device = platform_device_register_simple("lines", PLATFORM_DEVID_NONE, NULL, 0);
	ret = PTR_ERR_OR_ZERO(device);
	if (ret)
		goto no_device;
	return 0;

no_device:
	platform_driver_unregister(&driver);
no_driver:
	gpiod_remove_lookup_table(&table);
	return ret;
}
module_init(lines_init);

static void __exit lines_exit(void)
{
	platform_device_unregister(device);
	platform_driver_unregister(&driver);
	gpiod_remove_lookup_table(&table);
}
module_exit(lines_exit);

MODULE_DESCRIPTION("Keeps a device awake while it is busy");
MODULE_LICENSE("GPL");
