"""Addresses and functions to files and lines."""
