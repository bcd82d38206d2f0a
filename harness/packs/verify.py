"""Whether a store is whole: every blob exists with the bytes of its digest, and each part can be read.

Also compares a pack with a kernel that was built here from the same source.
"""

from __future__ import annotations

import filecmp
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from rustbed import cache as caching
from rustbed.packs.blob import unpack_part
from rustbed.packs.kernelfile import FACTS
from rustbed.packs.oci import Pack, PackError
from rustbed.packs.transport import Store
from rustbed.progress import Report


def name_pack(pack: Pack) -> str:
    """Return a line that names a pack among those of its store."""
    facts = pack.facts
    words = (facts.get("kind"), facts.get("arch") or facts.get("package"), facts.get("release"))
    more = (facts.get("profile") or facts.get("host"), facts.get("source"))
    return "  ".join(word for word in (*words, *more) if word)


def find_faults(store: Store, report: Report) -> Iterator[str]:
    """Yield the faults of a store, a line each. Raises PackError if its index cannot be read."""
    for listed in store.packs():
        try:
            pack = store.pack(listed.blob)
        except PackError as error:
            yield f"{name_pack(listed)}: {error.headline}"
            continue
        if pack.facts != listed.facts:
            yield f"{name_pack(listed)}: its manifest and the index disagree about it"
        for name, blob in pack.parts.items():
            with tempfile.TemporaryDirectory(prefix="rustbed-") as scratch:
                try:
                    store.fetch(blob, Path(scratch, ".blob"), f"verifying {name}", report)
                    unpack_part(Path(scratch, ".blob"), Path(scratch))
                except PackError as error:
                    yield f"{name_pack(pack)}: {name}: {error.headline}"


def find_difference(unpacked: Path, built: Mapping[str, Path]) -> str | None:
    """Return the first file, by name, that differs between an unpacked part and a built kernel.

    A file that only one of them has differs, too. The part's facts hold names, and are not compared.
    """
    packed = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    for name in sorted((packed | set(built)) - caching.OWN_FILES - {FACTS}):
        if name not in packed or name not in built:
            return (
                f"{name} is {'built and not in the pack' if name in built else 'in the pack and not built'}"
            )
        if not filecmp.cmp(unpacked / name, built[name], shallow=False):
            return f"{name} differs"
    return None
