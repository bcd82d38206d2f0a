"""Reading a report of a processor that refused something, for the tests of each architecture's."""

from __future__ import annotations

from rustbed.log.record import parse_console
from rustbed.log.splat import Splat, find_splats

NULL, PAGING = (
    f"BUG: unable to handle kernel {what}" for what in ("NULL pointer dereference", "paging request")
)


def read(head: str, body: str) -> Splat:
    """Return what a report is said to be, which is one from its first line to its last."""
    text = f"{head}\n{body}".splitlines()
    (found,) = find_splats(parse_console("".join(f"[   12.000000] {line}\n" for line in text)))
    assert found.last == len(text) - 1
    assert (found.function, found.task, found.damage) == ("toy_go", "insmod/71", "")
    return found
