"""Records what a moving name (`debian:latest`, a URL) meant, so that the next run needs no network."""

from __future__ import annotations

import json
import time
from pathlib import Path

from rustbed import cache as caching
from rustbed.cache import Cache


def recall(cache: Cache, entries: str, kind: str, *words: str) -> str | None:
    """Return the key of the cache entry that a name meant last time, if that entry still exists."""
    try:
        key = json.loads(_record(cache, kind, words).read_text())["key"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return key if isinstance(key, str) and cache.find(entries, key, check=()) is not None else None


def remember(cache: Cache, key: str, kind: str, *words: str) -> None:
    """Record the key of the entry that a name means now, with the date."""
    facts = {"name": ":".join((kind, *words)), "key": key, "date": time.strftime("%Y-%m-%d %H:%M:%S %z")}
    caching.write_atomically(_record(cache, kind, words), json.dumps(facts, indent=1))


def _record(cache: Cache, kind: str, words: tuple[str, ...]) -> Path:
    return cache.root / "resolved" / f"{kind}-{caching.hash_text(*words)}.json"
