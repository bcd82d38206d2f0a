"""The input of a machine's terminal: a person's typing, or a file or pipe that ends.

Owns our standard input while QEMU has it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# the chardev of an interactive machine's terminal
_CHARDEV = "stdio,signal=off"
_STDIN = 0
_END_OF_TRANSMISSION = b"\x04"
# seconds between two of them: the first ends a program that reads, the next its shell
_AGAIN_S = 0.5


@contextmanager
def terminal() -> Iterator[str]:
    """Yield the chardev for a machine that is started and ended while the context lasts.

    QEMU uses a terminal directly. The guest does not see the end of a file or pipe: after that end,
    Ctrl-D is typed until the machine ends. Closed standard input counts as an empty file.
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
        # open() returns the lowest free number, which is that of standard input
        os.open(os.devnull, os.O_RDONLY)


def _type(source: int, writes: int) -> None:
    """Copy a descriptor's input, then write Ctrl-D until no more is read; close both."""
    last = b"\n"
    # fails when the machine has ended
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
