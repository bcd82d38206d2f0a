"""A template, or what a machine boots, changes while a copy of it can be made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from rustbed.cache import Cache
from rustbed.forks.counts import COPIED, FORKED
from rustbed.forks.machines import Machines
from rustbed.image import cpio
from rustbed.prepare import Choices, Platform
from rustbed.progress import ignore
from tests.boot.copied import Copies, copy_template
from tests.processes import is_running

# nothing of it is an architecture's
pytestmark = pytest.mark.arches("x86_64")


@pytest.fixture
def own_cache(choices: Choices, platform: Platform, tmp_path: Path) -> Cache:
    """Return a cache with a template that a test may change."""
    return copy_template(choices.cache, platform.spec(), platform.qemu, tmp_path)


@pytest.fixture
def image(platform: Platform, tmp_path: Path) -> Path:
    """Return an image that a test may change."""
    return Path(shutil.copyfile(platform.image.path, tmp_path / "initramfs.cpio"))


@pytest.fixture
def copies(own_cache: Cache, platform: Platform, image: Path, tmp_path: Path) -> Iterator[Copies]:
    changeable = replace(platform, image=replace(platform.image, path=image))
    with Machines(own_cache, ignore) as machines:
        made = Copies(machines, changeable, tmp_path, cpus=1)
        with ExitStack() as stack:
            made.next(stack)
        machines.counts.clear()
        yield made


def test_machine_of_a_changed_image_is_no_copy_of_the_old_one(copies: Copies, image: Path) -> None:
    with ExitStack() as stack:
        old = copies.copy(stack)
        # the kernel unpacks all archives of an image, one after the other
        with image.open("ab") as stream:
            stream.write(cpio.render_cpio([cpio.file("changed", b"")]))
        found = [copies.next(stack).run("test -e /changed").status for _ in range(2)]
        assert found == [0, 0]
        assert old.run("test -e /changed").status == 1
        # the first of the new kind is restored
        assert copies.machines.counts == {FORKED: 3, COPIED: 2}


def test_template_that_is_replaced_has_another_server(copies: Copies, own_cache: Cache) -> None:
    with ExitStack() as stack:
        old, before = copies.copy(stack), copies.server_pid
        (ram,) = own_cache.root.glob("templates/*/ram")
        Path(shutil.copyfile(ram, ram.with_name("new"))).replace(ram)
        assert copies.copy(stack).check("echo well") == "well"
        assert copies.server_pid != before
        assert not is_running(before)
        assert old.check("echo well") == "well"


def test_template_that_is_damaged_is_made_again_and_copied(copies: Copies, own_cache: Cache) -> None:
    with ExitStack() as stack:
        old, before = copies.copy(stack), copies.server_pid
        (ram,) = own_cache.root.glob("templates/*/ram")
        # whoever writes to it in place changes memory that the server has not read yet
        os.truncate(ram, 4096)
        found = copies.next(stack)
        assert found.check("echo well") == "well"
        assert found.check("cat /proc/modules") == ""
        assert copies.server_pid != before
        # the old copy's memory may be gone: that harms no other machine
        del old
        assert copies.copy(stack).check("echo well") == "well"
