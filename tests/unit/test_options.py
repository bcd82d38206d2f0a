"""The command line and pytest offer the same options, and read them the same way."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from rustbed.arch import ARCHES
from rustbed.errors import UsageError
from rustbed.options import add_options, read_arches, read_choices
from rustbed.packs.place import VARIABLE, parse_place
from rustbed.plugin.options import ROWS
from rustbed.prepare import Choices


def given(*words: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_options(parser.add_argument)
    return vars(parser.parse_args(words))


def test_nothing_said_means_the_defaults_of_the_choices() -> None:
    assert read_choices(given().__getitem__) == Choices()
    assert [arch.name for arch in read_arches(given().__getitem__)] == ["x86_64", "arm64", "riscv64"]


def test_pytest_has_every_option_with_the_same_default(pytestconfig: pytest.Config) -> None:
    defaults = {name.replace("-", "_"): how["default"] for name, how in ROWS}
    assert {name: defaults[name] for name in given()} == given()
    offered = {name for name in given() if hasattr(pytestconfig.option, f"rustbed_{name}")}
    assert offered == given().keys()


def test_every_word_arrives(tmp_path: Path) -> None:
    fragment = tmp_path / "mine.config"
    fragment.touch()
    words = ["--kernel", "built:/k", "--profile", "debug", "--fragment", str(fragment), "--accel", "tcg"]
    words += ["--toolchain", "host", "--qemu", "/q", "--forks", "restored", "--refresh", "--cache", "/c"]
    words += ["--cache-from", "/p"]
    assert read_choices(given(*words).__getitem__) == Choices(
        kernel="built:/k",
        profile="debug",
        fragments=(fragment,),
        accel="tcg",
        toolchain="host",
        qemu=Path("/q"),
        forks="restored",
        refresh=True,
        cache_root=Path("/c"),
        cache_from=(parse_place("/p"),),
    )


def test_places_of_packs_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f"/p oci://host/name@sha256:{'0' * 64}")
    for words, places in (((), ["/p", "https://host/name"]), (("--cache-from", "/q r"), ["/q r"])):
        choices = read_choices(given(*words).__getitem__)
        assert [str(place) for place in choices.cache_from] == places


def test_fragment_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"no such fragment: {tmp_path}/nothing"):
        read_choices(given("--fragment", f"{tmp_path}/nothing").__getitem__)


def test_architecture_named_twice_is_tested_once() -> None:
    arches = read_arches(given("--arch", "riscv64,x86_64", "--arch", "riscv64").__getitem__)
    assert [arch.name for arch in arches] == ["riscv64", "x86_64"]


def test_all_means_every_tier() -> None:
    arches = read_arches(given("--arch", "arm64", "--arch", "all").__getitem__)
    assert arches == tuple(ARCHES.values())
    assert {arch.tier for arch in arches} == {1, 2}


def test_unknown_architecture_is_refused() -> None:
    with pytest.raises(UsageError, match="sparc"):
        read_arches(given("--arch", "arm64,sparc").__getitem__)


def keep_kernel(root: Path, name: str, source: str, image: bytes) -> None:
    (root / "kernels" / name).mkdir(parents=True)
    (root / "kernels" / name / "bzImage").write_bytes(image)
    (root / "kernels" / name / "manifest.json").write_text(json.dumps({"facts": {"source": source}}))


def test_built_means_the_architectures_that_have_a_kernel_of_the_source(tmp_path: Path) -> None:
    image = bytes(0x1FE) + b"\x55\xaa\x00\x00HdrS" + b"\x0f\x02" + bytes(0x400)
    keep_kernel(tmp_path, "one", "debian:latest", image)
    words = ("--arch", "built", "--cache", str(tmp_path))
    assert [arch.name for arch in read_arches(given(*words).__getitem__)] == ["x86_64"]
    more = ("--arch", "arm64", *words)
    assert [arch.name for arch in read_arches(given(*more).__getitem__)] == ["arm64", "x86_64"]
    with pytest.raises(UsageError, match=r"no kernel of debian:7\.2 is built here"):
        read_arches(given(*words, "--kernel", "debian:7.2").__getitem__)
