"""A kernel says what it has."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.kernels import make_kernel

from rustbed.errors import UsageError
from rustbed.kernel.artifact import Kernel, Module


def make(config: Path | None) -> Kernel:
    return make_kernel(modules={"rust_dma": Module(name="rust_dma", path=Path("rust_dma.ko"))}, config=config)


@pytest.mark.parametrize(
    ("name", "there"),
    [
        *(("rust_dma", True), ("rust_soc", False)),
        *(("CONFIG_KASAN", True), ("CONFIG_LKDTM", True), ("CONFIG_KCSAN", False), ("CONFIG_NOBODY", False)),
    ],
)
def test_it_has_modules_and_options(tmp_path: Path, name: str, there: bool) -> None:
    config = tmp_path / "config"
    config.write_text("CONFIG_KASAN=y\nCONFIG_LKDTM=m\n# CONFIG_KCSAN is not set\n")
    assert make(config).has(name) is there


def test_an_option_that_nobody_knows_of_counts_as_there() -> None:
    assert make(None).has("CONFIG_KASAN") is True
    assert make(None).has("rust_soc") is False


@pytest.mark.parametrize(
    ("release", "version", "older"),
    [
        *(("6.12.107", "6.18", True), ("6.12.107", "6.12", False), ("6.12.107", "6.12.108", True)),
        *(("7.3.4", "6.18", False), ("7.3.0-rc1", "7.3", False), ("7.10.1+deb", "7.9", False)),
    ],
)
def test_it_knows_what_came_before_it(release: str, version: str, older: bool) -> None:
    assert make_kernel(release=release).is_older(version) is older


def test_what_is_not_a_version_is_refused() -> None:
    with pytest.raises(UsageError, match="not a kernel version"):
        make(None).is_older("latest")


@pytest.mark.parametrize(
    ("count", "known"),
    [(0, "none"), (2, "loop0, loop1"), (41, "41, loop9, loop8, loop7"), (301, "301, loop9, loop8, loop7")],
)
def test_a_module_that_is_not_there_is_answered_with_those_like_it(count: int, known: str) -> None:
    names = [f"loop{number}" for number in range(count)]
    kernel = make_kernel(modules={name: Module(name=name, path=Path(f"{name}.ko")) for name in names})
    with pytest.raises(UsageError, match="has no module 'lop'") as caught:
        kernel.load_order("lop")
    assert caught.value.facts["known"] == known
    assert kernel.carries_modules is (count < 301)
