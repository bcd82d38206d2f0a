"""What is in a cache after kernels were built by the make that only pretends."""

from __future__ import annotations

from collections.abc import Callable

from rustbed.cache import Cache
from rustbed.kernel.artifact import Kernel

Builder = Callable[..., Kernel]


def notes(cache: Cache) -> list[str]:
    """What the fake make noted in the one build tree there is."""
    (tree,) = (cache.root / "builds").iterdir()
    return [line.partition(":")[0] for line in (tree / "calls").read_text().split()]


def targets(cache: Cache) -> list[str]:
    """What make was asked for, each time."""
    (tree,) = (cache.root / "builds").iterdir()
    words = (tree / "calls").read_text().split()
    return [word.removeprefix("make:") for word in words if word.startswith("make:")]


def entries(cache: Cache) -> list[str]:
    directory = cache.root / "kernels"
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []
