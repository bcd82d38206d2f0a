"""A copy of a running machine, with channels and files of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from rustbed.forks.hot.copier import Copier, end
from rustbed.forks.waiting import UnnamedFiles
from rustbed.machine.starting import CHANNELS, Started, open_pair, open_pipe


@contextmanager
def start_copy(copier: Copier, files: UnnamedFiles) -> Iterator[Started]:
    """Copy a QEMU, yield the copy, and end it on the way out. It stands still if the original does.

    Raises ForkError.
    """
    with ExitStack() as stack:
        at = time.monotonic()
        with ExitStack() as given:
            pairs = {name: open_pair(stack, given) for name in CHANNELS}
            ends = {name: its.fileno() for name, (_, its) in pairs.items()}
            ends |= {"console": files.console, "complaints": files.complaints}
            writes = None
            if copier.has("console_input"):
                ends["console_input"], writes = open_pipe(given, stack)
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
