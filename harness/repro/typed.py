"""What is typed at a machine's terminal: by a person, or by a script that ends.

Owns our standard input while QEMU has it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# the chardev behind /dev/hvc0: our own terminal
_CHARDEV = "stdio,signal=off"
_STDIN = 0
_END_OF_TRANSMISSION = b"\x04"
# seconds between two of them: a program that reads takes the first, and its shell the next
_AGAIN_S = 0.5


@contextmanager
def terminal() -> Iterator[str]:
    """Yield the chardev for a machine that is started and ended while the context lasts.

    A terminal is QEMU's as it is. Of anything else the guest would not see the end: behind it Ctrl-D is
    typed until the machine ends. Closed standard input is one that ends at once.
    """
    _open_if_closed()
    if os.isatty(_STDIN):
        yield _CHARDEV
        return
    saved, source = os.dup(_STDIN), os.dup(_STDIN)
    reads, writes = os.pipe()
    os.dup2(reads, _STDIN)
    os.close(reads)
    threading.Thread(target=_type, args=(source, writes), name="typed", daemon=True).start()
    try:
        yield _CHARDEV
    finally:
        # the pipe has no reader then, which ends the thread
        os.dup2(saved, _STDIN)
        os.close(saved)


def _open_if_closed() -> None:
    try:
        os.fstat(_STDIN)
    except OSError:
        # takes the lowest number that is free
        os.open(os.devnull, os.O_RDONLY)


def _type(source: int, writes: int) -> None:
    """Write what comes from a descriptor, then ends of input until they are no longer read; close both."""
    last = b"\n"
    # a machine that has ended reads no more
    with suppress(OSError):
        while chunk := os.read(source, 4096):
            os.write(writes, chunk)
            last = chunk[-1:]
        if last != b"\n":
            os.write(writes, b"\n")
        while True:
            os.write(writes, _END_OF_TRANSMISSION)
            time.sleep(_AGAIN_S)
    os.close(source)
    os.close(writes)
