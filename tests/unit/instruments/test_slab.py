"""The slab allocator is asked for what it finds wrong, and a refusal is a fault."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rustbed.errors import CommandError
from rustbed.guest.shell import Answer
from rustbed.instruments.slab import validate


class Guest:
    """Runs commands in the host's shell, with a directory in the place of the slab's."""

    def __init__(self, slab: Path) -> None:
        self.slab = slab

    def __call__(self, command: str, timeout_s: float | None = None) -> Answer:
        here = command.replace("/sys/kernel/slab", str(self.slab))
        done = subprocess.run(
            ["sh", "-c", here], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        return Answer(command=command, status=done.returncode, stdout=done.stdout)


@pytest.fixture
def slab(tmp_path: Path) -> Path:
    for name, checks in (("kmalloc-8", "1"), ("kmalloc-rcl-8", "0"), ("dentry", "1")):
        cache = tmp_path / name
        cache.mkdir()
        (cache / "sanity_checks").write_text(f"{checks}\n")
    return tmp_path


def test_caches_of_kmalloc_are_validated(slab: Path) -> None:
    validate(Guest(slab))
    assert sorted(path.parent.name for path in slab.glob("*/validate")) == ["kmalloc-8", "kmalloc-rcl-8"]


def test_cache_without_checks_that_refuses_is_left_out(slab: Path) -> None:
    (slab / "kmalloc-rcl-8" / "validate").mkdir()
    validate(Guest(slab))
    assert (slab / "kmalloc-8" / "validate").read_text() == "1\n"


def test_cache_that_refuses_is_a_fault(slab: Path) -> None:
    (slab / "kmalloc-8" / "validate").mkdir()
    with pytest.raises(CommandError, match="does not validate its caches"):
        validate(Guest(slab))


def test_kernel_without_caches_to_look_at_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="does not validate its caches"):
        validate(Guest(tmp_path))
