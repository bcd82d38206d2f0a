"""Where packs are: the words of a user, and which places may be trusted. Pure.

    DIR                                 an OCI layout in a directory
    https://HOST/PATH@sha256:...        the same directory on a web server
    oci://HOST/NAME@sha256:...          a registry

A place on a network must be pinned: the digest says what its contents must be,
so that it does not matter who serves it, nor whether the connection is
encrypted (http://, oci+http://).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rustbed.errors import UsageError, suggest
from rustbed.packs.oci import is_digest

VARIABLE = "RUSTBED_CACHE_FROM"
CACHE_FROM_HELP = (
    "where packs of built kernels are: a directory, https://HOST/PATH@sha256:..., oci://HOST/NAME@sha256:..."
    f" (default: ${VARIABLE}, separated by spaces)"
)
_SCHEMES = {"http": "http", "https": "https", "oci": "https", "oci+http": "http"}
_REMOTE = re.compile(r"([a-z+]+)://([^/\s@]+)(?:/([^\s@]*?))?/?(?:@(\S+))?")


class Kind(StrEnum):
    """Who answers there."""

    DIRECTORY = "directory"
    WEB = "web"
    REGISTRY = "registry"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A store of packs."""

    kind: Kind
    # a directory's path; else "https://host:port"
    base: str
    # below that: a path, or the registry's name of a repository
    name: str = ""
    # digest of its index; "" for a directory whose contents are trusted
    pin: str = ""

    def __str__(self) -> str:
        """Without the digest, for messages."""
        return self.base if self.kind is Kind.DIRECTORY else f"{self.base}/{self.name}".rstrip("/")


def parse_place(text: str) -> Place:
    """Return the place that a user's word means. Raises UsageError for a remote place without a digest."""
    if not text:
        raise UsageError("an empty word is not a place of packs")
    if "://" not in text:
        path, _, pin = text.rpartition("@") if "@sha256:" in text else (text, "", "")
        if pin and not is_digest(pin):
            raise UsageError(f"{pin!r} is not a digest", wanted="sha256: and 64 hexadecimal digits")
        return Place(kind=Kind.DIRECTORY, base=str(Path(path).expanduser().absolute()), pin=pin)
    found = _REMOTE.fullmatch(text)
    if found is None or found[1] not in _SCHEMES:
        raise UsageError(
            f"not a place of packs: {text!r}",
            choices="DIR, https://HOST/PATH@sha256:..., oci://HOST/NAME@sha256:...",
        )
    if not found[4] or not is_digest(found[4]):
        raise UsageError(
            f"packs from {text} would be run unseen: a remote has to be pinned by its digest",
            fix=f"{text.partition('@')[0]}@sha256:... with the digest that `{suggest('pack list DIR')}` says"
            " where they were made",
        )
    kind = Kind.REGISTRY if found[1].startswith("oci") else Kind.WEB
    return Place(kind=kind, base=f"{_SCHEMES[found[1]]}://{found[2]}", name=found[3] or "", pin=found[4])


def parse_places(words: Iterable[str]) -> tuple[Place, ...]:
    """Return the places that words name, each once, in their order. Raises UsageError."""
    return tuple(dict.fromkeys(map(parse_place, words)))
