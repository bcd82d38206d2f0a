"""The terminal, for all commands: printing, progress of long steps, signals."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rustbed.progress import Display


def say(text: str) -> None:
    """Print a line at once. Raises OSError, which names standard output."""
    with _output_named():
        print(text, flush=True)


@contextmanager
def _output_named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from error


@contextmanager
def flushed_output() -> Iterator[None]:
    """Write out at the end what was printed. Raises OSError if that fails, as into a full disk.

    At its exit, Python would complain in its own words, and end with status 120.
    """
    try:
        yield
    finally:
        try:
            with _output_named():
                sys.stdout.flush()
        except OSError:
            # what was not written is not tried again
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)
            raise


def complain(problem: object, status: int = 0) -> int:
    """Print a problem to standard error, and return the status."""
    print(f"rustbed: {problem}", file=sys.stderr)
    return status


def confirm(question: str) -> bool:
    """Ask a question and return whether the answer is yes; without a terminal it is no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    complain(f"{question} [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def make_display() -> Display:
    """Return a display of long steps' progress on standard error."""
    # imported late, so that --help is fast
    from rustbed.progress import Display  # noqa: PLC0415

    def write(text: str) -> None:
        print(text, end="", file=sys.stderr, flush=True)

    return Display(write, terminal=sys.stderr.isatty(), columns=shutil.get_terminal_size().columns - 1)


def end_at_sigterm() -> None:
    """Let SIGTERM end the process in order, like Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # a background job of a shell ignores SIGINT
    signal.signal(signal.SIGINT, signal.default_int_handler)


def open_closed() -> None:
    """Open /dev/null for closed standard streams, or the next opened file would get their number."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            # gets the lowest free number
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - a number, for ever


def make_printable() -> None:
    """Let standard output and error show question marks for characters that they cannot encode.

    Logs and names of files may contain anything, and terminals may be ASCII.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
