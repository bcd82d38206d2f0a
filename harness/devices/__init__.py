"""Hardware written in Python: what a device is, and the server through which QEMU reaches it."""
