"""Copies of a running QEMU, with all that it has translated."""
