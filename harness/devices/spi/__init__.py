"""SPI chips written in Python, on a bus that QEMU reaches by vhost-user."""
