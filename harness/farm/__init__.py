"""Many hosts: the tests of a session, run by workers of a scheduler (Dask distributed)."""
