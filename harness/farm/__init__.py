"""Many machines: tests of one session, run by workers that a scheduler knows (Dask distributed)."""
