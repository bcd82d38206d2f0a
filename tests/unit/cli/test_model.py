"""Where `rustbed model` takes a trace from."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed import UsageError
from rustbed.cli.model import load_trace
from rustbed.devices.trace import Read


def test_trace_is_ours_or_an_mmiotrace(tmp_path: Path) -> None:
    file = tmp_path / "trace"
    file.write_text(
        "# device 1b36:0005 class ff0000 revision 00 intx 0 msi 0 msix 0\n"
        "# bar0 size 4096 bits 32\n"
        "1.000000 read bar0+0x4 width 4 value 0x10\n"
    )
    ours = load_trace(file)
    file.write_text(
        "VERSION 20070824\n"
        "PCIDEV 0010 1b360005 0 fb000000 0 0 0 0 0 0 1000 0 0 0 0 0 0 rust_driver_pci\n"
        "R 4 1.000000 1 0xfb000004 0x10 0x0 0\n"
    )
    theirs = load_trace(file)
    assert (ours.events, ours.bars) == (theirs.events, theirs.bars) == ((Read(0, 4, 4, 0x10),), ours.bars)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*nothing: No such file"):
        load_trace(tmp_path / "nothing")
    (tmp_path / "text").write_text("hello\n")
    with pytest.raises(UsageError, match="no line says what the device is"):
        load_trace(tmp_path / "text")
