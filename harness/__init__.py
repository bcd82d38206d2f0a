"""rustbed: a QEMU test bed for Rust drivers in the Linux kernel.

What a test author needs, and nothing else: the types of the fixtures `vm`,
`boot` and `kernel`, and the errors they raise.
"""

from rustbed.errors import (
    BootError,
    CommandError,
    CrashError,
    HangError,
    HarnessError,
    LostError,
    MachineError,
    MismatchError,
    MonitorError,
    SyscallError,
    UsageError,
    WaitError,
)
from rustbed.kernel.artifact import Kernel
from rustbed.log.record import Log, Record
from rustbed.machine.vm import Vm

__all__ = [
    "BootError",
    "CommandError",
    "CrashError",
    "HangError",
    "HarnessError",
    "Kernel",
    "Log",
    "LostError",
    "MachineError",
    "MismatchError",
    "MonitorError",
    "Record",
    "SyscallError",
    "UsageError",
    "Vm",
    "WaitError",
]
