"""Commands, files, modules and kernel records of the guest."""
