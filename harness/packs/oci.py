"""The documents of a store of packs: what they say, as data.

A pack is one image of the OCI image specification (1.1): a manifest whose
layers are the pack's parts. The packs of a store are the manifests of one
index, whose digest pins them all. https://github.com/opencontainers/image-spec. Pure.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rustbed.errors import HostError

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+zstd"
CONFIG = "application/vnd.oci.image.config.v1+json"
# the list of a layout's contents
TOP = "index.json"
# the name of the index there, and the tag in a registry
REF = "packs"
_REF_NAME = "org.opencontainers.image.ref.name"
# before the names of our own annotations
_OURS = "rustbed."
# bytes of an index or a manifest
DOCUMENT_LIMIT = 4 * 2**20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LAYOUT = {"imageLayoutVersion": "1.0.0"}


class PackError(HostError):
    """A pack is unavailable: it is damaged or incomplete, or its place does not answer."""


@dataclass(frozen=True, kw_only=True)
class Blob:
    """Bytes, named by their digest."""

    # "sha256:" and 64 hexadecimal digits
    digest: str
    # bytes
    size: int
    media_type: str = LAYER

    @property
    def hex(self) -> str:
        """The digest without its algorithm."""
        return self.digest.partition(":")[2]

    def matches(self, data: bytes) -> bool:
        """Whether these are its bytes."""
        return len(data) == self.size and hashlib.sha256(data).hexdigest() == self.hex


@dataclass(frozen=True, kw_only=True)
class Pack:
    """A pack, as its manifest describes it."""

    # of its manifest
    blob: Blob
    # names to text, without our prefix: kind, arch, release, ...
    facts: Mapping[str, str]
    # by name: boot, symbols, ...
    parts: Mapping[str, Blob] = field(default_factory=dict)
    # of the image's configuration, which only clients of registries read
    config: Blob | None = None

    def part(self, name: str) -> Blob:
        """Return a part; PackError if the pack came without it."""
        try:
            return self.parts[name]
        except KeyError:
            raise PackError(f"the pack {self.blob.digest[:19]} has no part {name!r}") from None


def describe(data: bytes, media_type: str) -> Blob:
    """Return the descriptor of some bytes."""
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return Blob(digest=digest, size=len(data), media_type=media_type)


def render_json(document: object) -> bytes:
    """Return a document as JSON; equal documents give equal bytes."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def render_config(arch: str, layers: Sequence[str]) -> bytes:
    """Render an image's configuration: `arch` as Debian calls it, `layers` the digests of its archives."""
    return render_json(
        {"architecture": arch, "os": "linux", "rootfs": {"type": "layers", "diff_ids": list(layers)}}
    )


def render_manifest(facts: Mapping[str, str], parts: Mapping[str, Blob], config: Blob) -> bytes:
    """Render the manifest of a pack."""
    return render_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(config),
            "layers": [_descriptor(blob, {"part": name}) for name, blob in parts.items()],
            "annotations": _annotate(facts),
        }
    )


def render_index(packs: Sequence[Pack]) -> bytes:
    """Render the index of a store."""
    entries = sorted(packs, key=lambda pack: pack.blob.digest)
    return render_json(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [_descriptor(pack.blob, pack.facts) for pack in entries],
        }
    )


def render_layout(index: Blob) -> dict[str, bytes]:
    """Render the two files at the top of a layout."""
    entry = _descriptor(index) | {"annotations": {_REF_NAME: REF}}
    top = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
    return {"oci-layout": render_json(_LAYOUT), TOP: render_json(top)}


def parse_top(data: bytes) -> Blob:
    """Return the index that a layout's index.json leads to; PackError if it leads to none.

    It is the one with our name, or the only one: a client that copied it may have given it another name.
    """
    entries = [entry for entry in _load(data)["manifests"] if isinstance(entry, dict)]
    indexes = [entry for entry in entries if entry.get("mediaType") == INDEX]
    ours = [entry for entry in entries if _annotations(entry).get(_REF_NAME) == REF]
    if ours or len(indexes) == 1:
        return _blob((ours or indexes)[0])
    raise PackError(f"this layout has no packs: its index.json has no {_REF_NAME} {REF!r}")


def parse_index(data: bytes) -> tuple[Pack, ...]:
    """Return the packs of a store, without their parts; other images are ignored."""
    packs = [
        Pack(blob=_blob(entry), facts=_facts(entry))
        for entry in _load(data)["manifests"]
        if isinstance(entry, dict) and entry.get("mediaType") == MANIFEST
    ]
    return tuple(pack for pack in packs if pack.facts)


def parse_manifest(data: bytes, blob: Blob) -> Pack:
    """Return the pack that a manifest describes; PackError if it describes none."""
    document = _load(data, "layers")
    parts = {_facts(entry).get("part", ""): _blob(entry) for entry in document["layers"]}
    if not (facts := _facts(document)) or "" in parts:
        raise PackError(f"the image {blob.digest[:19]} is not a pack: it lacks our annotations")
    return Pack(blob=blob, facts=facts, parts=parts, config=_blob(document.get("config")))


def is_digest(text: str) -> bool:
    """Whether a text is a SHA-256 digest."""
    return _DIGEST.fullmatch(text) is not None


def _descriptor(blob: Blob, facts: Mapping[str, str] | None = None) -> dict[str, object]:
    known = {"mediaType": blob.media_type, "digest": blob.digest, "size": blob.size}
    return known | {"annotations": _annotate(facts)} if facts else known


def _annotate(facts: Mapping[str, str]) -> dict[str, str]:
    return {f"{_OURS}{name}": value for name, value in facts.items()}


def _annotations(entry: Any) -> dict[str, Any]:
    found = entry.get("annotations") if isinstance(entry, dict) else None
    return found if isinstance(found, dict) else {}


def _facts(entry: Any) -> dict[str, str]:
    return {
        str(name).removeprefix(_OURS): str(value)
        for name, value in _annotations(entry).items()
        if str(name).startswith(_OURS)
    }


def _blob(entry: Any) -> Blob:
    try:
        digest, size, kind = entry["digest"], entry["size"], entry["mediaType"]
    except (TypeError, KeyError):
        raise PackError("a descriptor lacks digest, size or mediaType") from None
    if not isinstance(digest, str) or not is_digest(digest):
        raise PackError(f"not a SHA-256 digest: {str(digest)[:100]!r}")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise PackError(f"not a size: {str(size)[:100]!r}")
    return Blob(digest=digest, size=size, media_type=str(kind))


def _load(data: bytes, listing: str = "manifests") -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PackError(f"not a document of the OCI image format: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get(listing), list):
        raise PackError(f"not a document of the OCI image format: it has no {listing}")
    return document
