"""Methods of an author's class that are named after what they are called for; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rustbed.errors import UsageError

READ, WRITE = "on_read_", "on_write_"


def check_callbacks(
    kind: str, members: Iterable[str], declared: Mapping[str, bool], noun: str = "register"
) -> None:
    """Raise UsageError for a method that is named like a callback but is never called.

    `declared` says of each name whether the driver can write it.
    """
    for member in members:
        for prefix in (READ, WRITE):
            name = member.removeprefix(prefix)
            if not member.startswith(prefix):
                continue
            if name not in declared:
                raise UsageError(
                    f"{kind}.{member}: there is no {noun} {name!r}", **{f"{noun}s": ", ".join(declared)}
                )
            if prefix == WRITE and not declared[name]:
                raise UsageError(f"{kind}.{member} is never called: {name} is read-only")
