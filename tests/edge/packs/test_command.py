"""`rustbed pack`: what its actions print, change and refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.packing import Server, blob_path, entries, local

from rustbed.cache import Cache
from rustbed.cli.main import main
from rustbed.packs.place import VARIABLE
from rustbed.packs.transport import Store


def test_list_names_each_pack_and_the_pin_last(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", "list", str(store)]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("kernel  x86_64  7.3.4  default  debian:latest  boot 0.0 MiB, symbols 0.0 MiB")
    assert last == f"pin  {store}@{Store(place=local(store)).index().digest}"


def test_verify_is_red_for_a_byte_that_differs(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", "verify", str(store)]) == 0
    assert capsys.readouterr().out == f"{store}: whole\n"
    data = bytearray(blob_path(store, "symbols").read_bytes())
    data[20] ^= 1
    blob_path(store, "symbols").write_bytes(data)
    assert main(["pack", "verify", str(store)]) == 1
    printed = capsys.readouterr()
    assert printed.out == f"{store}: 1 fault\n"
    assert "symbols" in printed.err


def test_pull_brings_the_kernel_and_its_source_and_the_rest_when_asked(
    wanted_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = Cache(tmp_path / "fresh")
    words = ["pack", "pull", str(wanted_store), "--arch", "x86_64", "--cache", str(fresh.root)]
    assert main(words) == 0
    assert f"x86_64  7.3.4  kernel  {fresh.root}/packs/" in capsys.readouterr().out
    assert len(entries(fresh)) == 2
    assert main([*words, "--symbols"]) == 0
    assert len(entries(fresh)) == 3


def test_pull_of_another_kernel_is_an_error_that_names_what_there_is(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["pack", "pull", str(store), "--cache", str(tmp_path / "fresh")]
    for arch, why in (("x86_64", "but of another recipe"), ("arm64", "no kernel for arm64, only x86_64")):
        assert main([*words, "--arch", arch]) == 3
        said = capsys.readouterr().err
        assert why in said
        assert "pack list PLACE shows what is there; --arch, --kernel and --profile choose" in said
    assert entries(Cache(tmp_path / "fresh")) == []


def test_a_place_of_the_variable_needs_a_pin_as_one_of_the_option_does(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, server.address)
    assert main(["boot", "--arch", "x86_64", "--", "true"]) == 2
    assert "has to be pinned by its digest" in capsys.readouterr().err
    assert server.asked == []


def test_a_tree_is_not_pushed_unless_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = tmp_path / "linux"
    tree.mkdir()
    for word in (f"tree:{tree}", f"tarball:{tree}.tar.xz"):
        assert main(["pack", "push", str(tmp_path / "store"), "--kernel", word]) == 2
        assert f"{word} is not pushed unless you ask" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


def test_packs_are_written_to_directories_only(capsys: pytest.CaptureFixture[str]) -> None:
    place = f"oci://registry.example/packs@sha256:{'0' * 64}"
    for action in ("push", "prune"):
        assert main(["pack", action, place]) == 2
        assert "packs are written to directories" in capsys.readouterr().err
