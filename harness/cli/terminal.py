"""What commands share about the terminal: how they print and are ended, how long steps are shown."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rustbed.progress import Display


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def complain(problem: object, status: int = 0) -> int:
    """Print what is wrong to standard error, and return the status."""
    print(f"rustbed: {problem}", file=sys.stderr)
    return status


def confirm(question: str) -> bool:
    """Return whether the answer to a question is yes; where there is no terminal, it is no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    complain(f"{question} [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def make_display() -> Display:
    """Return what shows the progress of long steps on standard error."""
    # only by commands that have such steps: help is to come at once
    from rustbed.progress import Display  # noqa: PLC0415

    def write(text: str) -> None:
        print(text, end="", file=sys.stderr, flush=True)

    return Display(write, terminal=sys.stderr.isatty(), columns=shutil.get_terminal_size().columns - 1)


def end_at_sigterm() -> None:
    """Let SIGTERM end the process as Ctrl-C does: in order."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # a background job of a shell ignores it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def open_closed() -> None:
    """Let a closed standard stream be /dev/null: the next file that is opened would take its number."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            # takes the lowest number that is free
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - a number, for ever


def make_printable() -> None:
    """Let characters that standard output and error cannot show become question marks.

    Logs and names of files may hold anything, and terminals may be ASCII.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
