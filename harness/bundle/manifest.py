"""The manifest of a bundle: its description, its files, and the limits for them.

A bundle is a gzip-compressed tar archive of regular files in one directory;
the first of them is this manifest, which names all others with their sizes
and SHA-256 sums. Bundles come from strangers: everything is checked here,
before anything is written. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from rustbed.errors import UsageError

NAME = "manifest.json"
FORMAT = 1

# bytes of a manifest, and of all files of a bundle: a kernel with KASAN and its debug information has 400 MiB
MANIFEST_LIMIT = 4 * 2**20
TOTAL_LIMIT = 4 * 2**30
_FILES_LIMIT = 20_000
_PATH_LIMIT = 200
_DEPTH_LIMIT = 8

# no separators, nothing a shell or QEMU's option parser would read as syntax, no hidden files
_WORD = re.compile(r"[A-Za-z0-9_+][A-Za-z0-9_+.\-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class BundleError(UsageError):
    """A bundle is damaged, of a later format, or contains what no bundle may."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """A file of a bundle."""

    # bytes
    size: int
    # hexadecimal
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The description of a bundle."""

    # the test's id
    test: str
    # how the test ended: an Outcome and the reason, one line
    outcome: str
    reason: str
    # fingerprint and title of each undeclared splat, fatal ones first
    splats: tuple[tuple[str, str], ...]
    # fingerprint and title of every splat of the machine, also declared ones
    came: tuple[tuple[str, str], ...]
    # as `describe_machine` describes it, paths relative to the bundle
    machine: Mapping[str, Any]
    # QEMU's arguments with the same paths, as run.sh uses them
    argv: tuple[str, ...]
    # names to versions: rustbed, qemu, kernel
    versions: Mapping[str, str]
    # relative path to file; not the manifest itself
    files: Mapping[str, Member]


def is_sha256(text: str) -> bool:
    """Whether a text is a SHA-256 sum in hexadecimal."""
    return _SHA256.fullmatch(text) is not None


def check_path(path: str) -> str:
    """Return a path inside a bundle unchanged. Raises BundleError unless it is relative and plain."""
    parts = PurePosixPath(path).parts
    plain = "/".join(parts) == path and all(_WORD.fullmatch(part) for part in parts)
    if not plain or len(path) > _PATH_LIMIT or not 0 < len(parts) <= _DEPTH_LIMIT:
        raise BundleError("the bundle has a file with a forbidden name", name=repr(path[:300]))
    return path


def render_manifest(manifest: Manifest) -> bytes:
    """Render the first file of a bundle; equal manifests give equal bytes."""
    facts = {"rustbed bundle": FORMAT, **asdict(manifest)}
    return (json.dumps(facts, indent=1, sort_keys=True) + "\n").encode()


def parse_manifest(data: bytes) -> Manifest:
    """Parse a bundle's first file. Raises BundleError if it is wrong in any way."""
    try:
        facts = json.loads(data)
        if facts["rustbed bundle"] != FORMAT:
            raise BundleError(
                f"the bundle has format {facts['rustbed bundle']!r}, this rustbed knows {FORMAT}",
                fix="use the version of rustbed that packed it, or a later one",
            )
        return _parse(facts)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(f"the bundle's manifest is damaged: {type(error).__name__}: {error}") from error


def _parse(facts: Any) -> Manifest:
    files = {check_path(_text(path)): _member(entry) for path, entry in facts["files"].items()}
    _check_files(files)
    return Manifest(
        test=_text(facts["test"]),
        outcome=_text(facts["outcome"]),
        reason=_text(facts["reason"]),
        splats=tuple((_text(mark), _text(title)) for mark, title in _list(facts["splats"])),
        came=tuple((_text(mark), _text(title)) for mark, title in _list(facts["came"])),
        machine=dict(facts["machine"]),
        argv=tuple(map(_text, _list(facts["argv"]))),
        versions={_text(name): _text(version) for name, version in facts["versions"].items()},
        files=files,
    )


def _member(facts: Any) -> Member:
    size, sha256 = facts["size"], facts["sha256"]
    if not isinstance(size, int) or isinstance(size, bool) or size < 0 or not is_sha256(sha256):
        raise ValueError(f"not a size and a checksum: {facts!r}"[:200])
    return Member(size=size, sha256=sha256)


def _check_files(files: Mapping[str, Member]) -> None:
    """Raise BundleError for a bundle that is too large, or has a file that is a directory of another."""
    total = sum(member.size for member in files.values())
    if total > TOTAL_LIMIT or len(files) > _FILES_LIMIT:
        raise BundleError(
            f"the bundle is too large: {len(files)} files, {total} bytes",
            limit=f"{_FILES_LIMIT} files, {TOTAL_LIMIT} bytes",
        )
    parents = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    if clash := sorted(parents & set(files)):
        raise BundleError(f"the bundle has {clash[0]!r} as a file and as a directory")
    if NAME in files:
        raise BundleError("the bundle's manifest names itself")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text"[:200])
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list"[:200])
    return value
