"""Kernel log text to facts; pure."""
