"""Reproduces a run, here or on another host: bundles, replays, shells, debuggers, recordings."""
