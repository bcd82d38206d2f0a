"""Kernel, image and devices to a running virtual machine."""
