"""Instruments: they watch a test in addition to the kernel log."""
