"""Copies of machines: templates, the forks restored from them, and who may have how many."""
