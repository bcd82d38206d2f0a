"""Bundles: the format in which a kernel and a machine travel to another host."""
