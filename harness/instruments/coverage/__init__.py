"""Which code of a driver ran: recorded by a plugin of QEMU, without an instrumented kernel."""
