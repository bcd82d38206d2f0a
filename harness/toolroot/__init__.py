"""A private Debian root: compilers, QEMU, packages for the guest."""
