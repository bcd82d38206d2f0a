"""A kernel says what it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.kernel.artifact import Kernel, Module
from tests.kernels import make_kernel


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
