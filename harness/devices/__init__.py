"""Firmware tables and other hardware described in text."""
