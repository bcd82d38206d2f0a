"""What a kernel lacks and what none can have are told apart by its source."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.kernels import make_kernel

from rustbed.errors import UsageError
from rustbed.kernel.names import require_known

FILES = {
    "drivers/toy/Kconfig": "menuconfig TOY\n\ttristate\nif TOY\n  config TOY_DEBUG\n\tbool\nendif\n",
    "drivers/toy/Makefile": "obj-$(CONFIG_TOY) += toy-core.o \\\n\ttoy_dma.o\n",
    "samples/rust/Kbuild": "obj-m += rust_toy.o sub/\n",
    "tools/toy/Makefile": "all: toy_tool.o\n",
    "Documentation/Kconfig": "config TOY_IN_A_TEXT\n",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_what_the_source_has_is_known_whether_or_not_it_was_built(source: Path) -> None:
    names = ["toy_core", "toy-core", "toy_dma", "rust_toy", "CONFIG_TOY", "CONFIG_TOY_DEBUG"]
    require_known(make_kernel(source_dir=source), names)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("rust_tyo", "nearest  rust_toy"),
        ("toy-cora", "nearest  toy_core"),
        ("CONFIG_TOY_DEBUGS", "nearest  CONFIG_TOY_DEBUG, CONFIG_TOY"),
        ("TOY_DEBUG", "nearest  none"),
        ("toy_tool", "nearest  toy_core"),
        ("CONFIG_TOY_IN_A_TEXT", "nearest  CONFIG_TOY"),
    ],
)
def test_what_no_kernel_of_the_source_can_have_is_an_error_with_the_nearest_names(
    source: Path, name: str, nearest: str
) -> None:
    with pytest.raises(UsageError, match=f"has no (module|option) '{name}'") as error:
        require_known(make_kernel(source_dir=source), [name])
    assert nearest in str(error.value)


@pytest.mark.parametrize("directory", [None, Path("/nowhere")])
def test_without_a_source_nothing_is_known(directory: Path | None) -> None:
    require_known(make_kernel(source_dir=directory), ["whatever"])
