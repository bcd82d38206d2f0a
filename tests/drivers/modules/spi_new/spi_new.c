// SPDX-License-Identifier: GPL-2.0
/*
 * Makes a device on the bus of a virtio SPI controller: no file of sysfs does, unlike for I2C.
 */
#include <linux/device.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/spi/spi.h>

static char *modalias = "";
module_param(modalias, charp, 0444);
MODULE_PARM_DESC(modalias, "What the device is");

static int select;
module_param(select, int, 0444);
MODULE_PARM_DESC(select, "Its chip select");

static struct spi_device *device;

static int __init spi_new_init(void)
{
	struct spi_board_info info = { .chip_select = select, .max_speed_hz = 1000000 };
	struct pci_dev *pci = pci_get_device(PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1040 + 45, NULL);
	struct device *virtio = pci ? device_find_any_child(&pci->dev) : NULL;
	struct device *bus = virtio ? device_find_any_child(virtio) : NULL;

	strscpy(info.modalias, modalias);
	if (bus)
		device = spi_new_device(container_of(bus, struct spi_controller, dev), &info);
	put_device(bus);
	put_device(virtio);
	pci_dev_put(pci);
	return device ? 0 : -ENODEV;
}
module_init(spi_new_init);

static void __exit spi_new_exit(void)
{
	spi_unregister_device(device);
}
module_exit(spi_new_exit);

MODULE_DESCRIPTION("Makes a device on the bus of a virtio SPI controller");
MODULE_LICENSE("GPL");
