"""Loads the pytest plugin, nothing else."""

pytest_plugins = ["rustbed.plugin"]
