"""What a fork's QEMU gets in place of the kernel, which runs already."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.forks.template import write_stub

MIB = 1 << 20


@pytest.mark.parametrize(("signature", "size"), [(b"MZ", 64 << 10), (b"\x7fELF", 3 * MIB)])
def test_a_stub_holds_the_beginning_and_an_elf_file_keeps_its_size(
    tmp_path: Path, signature: bytes, size: int
) -> None:
    image, stub = tmp_path / "image", tmp_path / "stub"
    image.write_bytes((signature + b"x" * 3 * MIB)[: 3 * MIB])
    write_stub(image, stub)
    contents = stub.read_bytes()
    assert len(contents) == size
    assert contents[: 64 << 10] == image.read_bytes()[: 64 << 10]
    assert set(contents[64 << 10 :]) <= {0}


def test_a_small_elf_file_is_copied_whole(tmp_path: Path) -> None:
    image, stub = tmp_path / "image", tmp_path / "stub"
    image.write_bytes(b"\x7fELF and no more")
    write_stub(image, stub)
    assert stub.read_bytes() == image.read_bytes()
