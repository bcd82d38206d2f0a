"""Loads the pytest plugin, nothing else."""

pytest_plugins = ["harness.plugin"]
