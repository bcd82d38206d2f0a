"""Whether a store is whole: every blob there, with the bytes it is named by, and each part readable."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from rustbed.packs.blob import unpack_part
from rustbed.packs.oci import Pack, PackError
from rustbed.packs.transport import Store
from rustbed.progress import Report


def name_pack(pack: Pack) -> str:
    """Return a line that tells one pack of a store from another."""
    facts = pack.facts
    words = (facts.get("kind"), facts.get("arch") or facts.get("package"), facts.get("release"))
    more = (facts.get("profile") or facts.get("host"), facts.get("source"))
    return "  ".join(word for word in (*words, *more) if word)


def find_faults(store: Store, report: Report) -> Iterator[str]:
    """Yield what is wrong with a store, a line each. Raises PackError if its index cannot be read."""
    for listed in store.packs():
        try:
            pack = store.pack(listed.blob)
        except PackError as error:
            yield f"{name_pack(listed)}: {error.headline}"
            continue
        if pack.facts != listed.facts:
            yield f"{name_pack(listed)}: the index says something else of it than its manifest"
        for name, blob in pack.parts.items():
            with tempfile.TemporaryDirectory(prefix="rustbed-") as scratch:
                try:
                    store.fetch(blob, Path(scratch, ".blob"), f"verifying {name}", report)
                    unpack_part(Path(scratch, ".blob"), Path(scratch))
                except PackError as error:
                    yield f"{name_pack(pack)}: {name}: {error.headline}"
