"""Logs as people attach them: compressed, packed, in wide characters, or not logs at all."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import packed
from rustbed.cli.main import main

LOG = """\
[    7.000000] WARNING: CPU: 0 PID: 7 at drivers/toy/a.c:12 toy_open+0x1/0x20 [toy]
[    7.000000] Call Trace:
[    7.000000]  toy_open+0x1/0x20 [toy]
[    7.000000]  misc_open+0x1/0x20
"""
QUIET = "[    7.000000] toy: ready\n"


def tar(data: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        member = tarfile.TarInfo("var/log/dmesg")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def zipped(data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dmesg.txt", data)
    return made.getvalue()


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "tar": tar,
    "tar.gz": lambda data: gzip.compress(tar(data)),
    "zip": zipped,
    "gz in zip": lambda data: zipped(gzip.compress(data)),
    "utf-16": lambda data: data.decode().encode("utf-16"),
    "utf-16-le": lambda data: data.decode().encode("utf-16-le"),
    "utf-16-be": lambda data: data.decode().encode("utf-16-be"),
    "utf-8 with a mark": lambda data: data.decode().encode("utf-8-sig"),
    "latin-1": lambda data: "Gerät\n".encode("latin-1") + data,
    "zeros before": lambda data: bytes(200_000) + data,
    "zeros between": lambda data: data.replace(b"\n", b"\0\0\n"),
}


def found(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, int]]:
    return [(splat["title"], splat["line"]) for splat in json.loads(capsys.readouterr().out)]


@pytest.mark.parametrize("form", FORMS)
def test_log_is_read_in_whatever_form_it_comes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    (tmp_path / "log").write_bytes(FORMS[form](LOG.encode()))
    assert main(["explain", str(tmp_path / "log"), "--json"]) == 1
    assert found(capsys) == [("WARNING in toy_open", 12)]


@pytest.mark.skipif(shutil.which("zstd") is None, reason="zstd is not installed")
def test_zstd_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_text(LOG)
    subprocess.run(["zstd", "-q", str(tmp_path / "log")], check=True)
    assert main(["explain", str(tmp_path / "log.zst"), "--json"]) == 1
    assert found(capsys) == [("WARNING in toy_open", 12)]


def test_zstd_without_its_program_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log.zst").write_bytes(b"\x28\xb5\x2f\xfd\x04\x00")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["explain", str(tmp_path / "log.zst")]) == 2
    assert "is compressed with zstd" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x7fELF\x02\x01\x01" + bytes(99), "is an ELF file, not a log"),
        (b"LPKSHHRH" + bytes(99), "journalctl --file"),
        (bytes(range(256)) * 9, "is binary"),
        (bytes(4096), "has only zeros"),
        (bytes(200_000), "has only zeros"),
        (bytes(200_000) + bytes(range(1, 32)) * 99, "is binary"),
        (gzip.compress(LOG.encode())[:-20], "cannot unpack"),
        (b"PK\x03\x04" + b"x" * 99, "cannot unpack"),
        (
            gzip.compress(gzip.compress(gzip.compress(gzip.compress(LOG.encode())))),
            "compressed more than 3 times",
        ),
    ],
)
def test_what_is_not_text_is_an_error_and_not_a_clean_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes, said: str
) -> None:
    (tmp_path / "log").write_bytes(data)
    assert main(["explain", str(tmp_path / "log")]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert "no splats" not in shown.out


def test_bomb_is_not_unpacked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "MOST", 1 << 20)
    (tmp_path / "log.gz").write_bytes(gzip.compress(bytes(3 << 20)))
    assert main(["explain", str(tmp_path / "log.gz")]) == 2
    assert "unpacks to more than" in capsys.readouterr().err


def test_directory_and_several_logs_are_read_and_what_cannot_be_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs" / "old").mkdir(parents=True)
    (tmp_path / "logs" / "a.log").write_text(QUIET)
    (tmp_path / "logs" / "old" / "b.log.gz").write_bytes(gzip.compress(LOG.encode()))
    (tmp_path / "c.log").write_text(QUIET)
    words = ["explain", str(tmp_path / "c.log"), str(tmp_path / "logs")]
    assert main(words) == 1
    shown = capsys.readouterr().out
    assert "c.log: no splats (1 line)" in shown
    assert "logs/a.log: no splats (1 line)" in shown
    assert "logs/old/b.log.gz: 1 splat (4 lines)" in shown
    assert main([*words, str(tmp_path / "gone.log")]) == 2
    said = capsys.readouterr()
    assert "b.log.gz: 1 splat" in said.out
    assert "cannot read" in said.err
