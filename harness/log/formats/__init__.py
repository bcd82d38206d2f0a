"""Splat formats: a row each, in a module for each family of checks."""
