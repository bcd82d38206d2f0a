from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
import zstandard

from rustbed.packs.blob import unpack_part, write_part
from rustbed.packs.oci import PackError


def test_equal_files_give_equal_bytes_and_come_back(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!")
    program.chmod(0o700)
    link = tmp_path / "link"
    link.symlink_to("program")
    files = {"bin/program": program, "bin/link": link}
    first, layer = write_part(tmp_path / "one", files)
    program.touch()
    assert write_part(tmp_path / "two", dict(reversed(files.items()))) == (first, layer)
    to = tmp_path / "to"
    to.mkdir()
    unpack_part(tmp_path / "one", to)
    assert (to / "bin/link").readlink() == Path("program")
    assert (to / "bin/program").stat().st_mode & 0o777 == 0o755
    assert ((to / "bin/program").read_text(), (to / "bin/program").stat().st_mtime) == ("#!", 0)


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


@pytest.mark.parametrize(
    "entries",
    [
        [entry("../out")],
        [entry("a/../../out")],
        [entry("link", tarfile.SYMTYPE, "/etc")],
        [entry("link", tarfile.SYMTYPE, "..")],
        [entry("/out")],
        [entry("a", tarfile.SYMTYPE, "b"), entry("a")],
        [entry("a"), entry("a")],
        [entry("a"), entry("a/b")],
        [entry("hard", tarfile.LNKTYPE, "../out")],
        [entry("pipe", tarfile.FIFOTYPE)],
        [entry("device", tarfile.CHRTYPE)],
        [entry("d", tarfile.SYMTYPE, "e"), entry("d/../../out")],
    ],
)
def test_nothing_is_written_outside_of_the_directory(tmp_path: Path, entries: list[tarfile.TarInfo]) -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for each in entries:
            archive.addfile(each)
    part = tmp_path / "part"
    part.write_bytes(zstandard.compress(raw.getvalue()))
    to = tmp_path / "in/to"
    to.mkdir(parents=True)
    with pytest.raises(PackError):
        unpack_part(part, to)
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(to)]
    assert outside == [part]


@pytest.mark.parametrize("size", [0, 10, 200])
def test_a_part_that_is_cut_is_damaged(tmp_path: Path, size: int) -> None:
    whole = tmp_path / "whole"
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 4)
    write_part(whole, {"file": file})
    cut = tmp_path / "cut"
    cut.write_bytes(whole.read_bytes()[:size])
    to = tmp_path / "to"
    to.mkdir()
    with pytest.raises(PackError, match="damaged"):
        unpack_part(cut, to)
