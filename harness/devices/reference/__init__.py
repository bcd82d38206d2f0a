"""Devices that QEMU has too, written in Python: what the two do is compared by tests."""
