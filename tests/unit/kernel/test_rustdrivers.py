"""The Rust drivers of a tree, found by its Makefiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.kernel.rustdrivers import RustDriver, find_rust_drivers

TREE = {
    # a module of one file; one that no rule compiles
    "samples/rust/toy.rs": "",
    "samples/rust/loose.rs": "",
    "samples/rust/Makefile": "obj-$(CONFIG_SAMPLE_TOY)\t\t+= toy.o\n",
    # a module whose files have other names, in a rule of several lines
    "drivers/ipc/main.rs": "",
    "drivers/ipc/node.rs": "",
    "drivers/ipc/Makefile": "obj-$(CONFIG_IPC) += ipc.o\nipc-y := \\\n\tmain.o\t\\\n\tevents.o\n",
    # compiled by a directory above, below a condition
    "drivers/gpu/nova-core/core.rs": "",
    "drivers/gpu/nova-core/Makefile": "# built from drivers/gpu/Makefile: core.o\n",
    "drivers/gpu/Makefile": "ifdef CONFIG_RUST\n  obj-$(CONFIG_NOVA) += nova-core.o\nendif\n"
    "nova-core-y := nova-core/core.o nova-core/exports.o\n",
    # a part of another module, with an option of its own
    "drivers/gpu/drm/qr.rs": "",
    "drivers/gpu/drm/Makefile": "obj-$(CONFIG_DRM) += drm.o\ndrm-$(CONFIG_QR) += qr.o\n",
    # not drivers
    "rust/kernel/lib.rs": "",
    "rust/kernel/Makefile": "obj-$(CONFIG_RUST) += lib.o\n",
    "scripts/x.rs": "",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_driver_is_what_an_option_compiles_and_samples_come_last(tree: Path) -> None:
    assert [(each.name, each.option, each.source) for each in find_rust_drivers(tree)] == [
        ("ipc", "IPC", "drivers/ipc/main.rs"),
        ("nova_core", "NOVA", "drivers/gpu/nova-core/core.rs"),
        ("qr", "QR", "drivers/gpu/drm/qr.rs"),
        ("toy", "SAMPLE_TOY", "samples/rust/toy.rs"),
    ]


def test_kbuild_files_come_before_makefiles(tmp_path: Path) -> None:
    (tmp_path / "toy.rs").write_text("")
    (tmp_path / "Makefile").write_text("obj-$(CONFIG_OLD) += toy.o\n")
    (tmp_path / "Kbuild").write_text("obj-$(CONFIG_TOY) += toy.o\n")
    assert [each.option for each in find_rust_drivers(tmp_path)] == ["TOY"]


@pytest.mark.parametrize(
    ("name", "is_named"),
    [("nova-core", True), ("nova_core", True), ("CONFIG_NOVA", True), ("NOVA", False), ("nova", False)],
)
def test_a_driver_is_named_by_module_or_option(name: str, is_named: bool) -> None:
    driver = RustDriver(name="nova_core", option="NOVA", source="drivers/gpu/nova-core/core.rs")
    assert driver.is_named(name) == is_named
