"""The vhost-user protocol, by which QEMU reaches I2C, SPI and GPIO devices in Python."""
