"""GPIO lines that a test holds in its hand, on a controller that QEMU reaches by vhost-user."""
