"""Our archives, read by programs that others wrote."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from rustbed.cache import default_root
from rustbed.image.cpio import directory, file, render_cpio, symlink, with_parents

_READERS = [["cpio", "-idm", "--quiet"], ["busybox", "cpio", "-idm"], ["bsdtar", "-xf", "-"]]
_DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}


def find_reader(name: str) -> str | None:
    """Return a program of this host or, for busybox, the one that the guests of this host's kind get."""
    found = map(
        str, default_root().glob(f"packages/busybox-*-{_DEBIAN.get(platform.machine())}/root/usr/bin/{name}")
    )
    return next(found, None) or shutil.which(name)


@pytest.mark.parametrize("argv", _READERS, ids=lambda argv: argv[0])
def test_other_programs_unpack_what_was_put_in(argv: list[str], tmp_path: Path) -> None:
    program = find_reader(argv[0])
    if program is None:
        pytest.skip(f"{argv[0]} is not installed")
    archive = render_cpio(
        with_parents(
            [
                file("init", b"#!/bin/sh\n", 0o755),
                file("lib/modules/a.ko", bytes(range(256)) * 33),
                file("lib/empty", b""),
                symlink("bin/sh", "busybox"),
                directory("tmp", 0o777),
            ]
        )
    )
    subprocess.run([program, *argv[1:]], input=archive, cwd=tmp_path, check=True)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        *("bin", "bin/sh", "init", "lib", "lib/empty", "lib/modules", "lib/modules/a.ko", "tmp"),
    ]
    assert (tmp_path / "lib/modules/a.ko").read_bytes() == bytes(range(256)) * 33
    assert (tmp_path / "init").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "bin/sh").readlink() == Path("busybox")
