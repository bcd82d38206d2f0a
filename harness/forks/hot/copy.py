"""A copy of a running machine, with channels and files of its own."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from rustbed.forks.hot.copier import Copier, end
from rustbed.forks.waiting import UnnamedFiles
from rustbed.machine.starting import Started

_CHANNELS = ("shell", "records", "pulse", "monitor")


@contextmanager
def start_copy(copier: Copier, files: UnnamedFiles) -> Iterator[Started]:
    """Copy a QEMU, yield the copy, which stands still if the original does, and end it on the way out.

    Raises ForkError.
    """
    with ExitStack() as stack:
        at = time.monotonic()
        pairs = {name: socket.socketpair() for name in _CHANNELS}
        for ours, _ in pairs.values():
            stack.callback(ours.close)
        with ExitStack() as theirs:
            ends = {name: theirs.enter_context(its).fileno() for name, (_, its) in pairs.items()}
            ends |= {"console": files.console, "complaints": files.complaints}
            writes = None
            if copier.has("console_input"):
                ends["console_input"], writes = os.pipe()
                theirs.callback(os.close, ends["console_input"])
                stack.callback(os.close, writes)
            copied = copier.copy(ends)
        stack.callback(copied.control.close)
        stack.callback(end, copied.process)
        yield Started(
            child=copied.process,
            at=at,
            console_input=writes,
            served=(),
            control=copied.control,
            ends=copied.ends,
            threads=copied.threads,
            **{name: ours for name, (ours, _) in pairs.items()},
        )
