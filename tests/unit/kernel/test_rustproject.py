"""Paths in rust-project.json, from where kernels are built to where this host has the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.errors import UsageError
from rustbed.kernel.rustproject import move_paths, require_driver

PLACES = {"/module": "/home/me/toy", "/src": "/cache/linux", "/usr": "/cache/root/usr"}


def test_paths_are_moved_wherever_they_are() -> None:
    project = {
        "sysroot": "/usr",
        "crates": [
            {"root_module": "/src/rust/kernel/lib.rs", "deps": [{"crate": 1}], "is_proc_macro": False}
        ],
        "env": {"RUST_MODFILE": "/module/toy"},
    }
    assert move_paths(project, PLACES) == {
        "sysroot": "/cache/root/usr",
        "crates": [
            {"root_module": "/cache/linux/rust/kernel/lib.rs", "deps": [{"crate": 1}], "is_proc_macro": False}
        ],
        "env": {"RUST_MODFILE": "/home/me/toy/toy"},
    }


def test_what_only_begins_like_such_a_path_stays() -> None:
    texts = ["/srcs/x", "toy.rs", 'CONFIG_X="/module"', "/users"]
    assert move_paths(texts, PLACES) == texts


def test_a_directory_without_a_driver_is_refused() -> None:
    kernels = {"root_module": "/cache/linux/rust/kernel/lib.rs"}
    with pytest.raises(UsageError, match="there is no driver in Rust in /home/me/toy"):
        require_driver({"crates": [kernels]}, Path("/home/me/toy"))
    require_driver({"crates": [kernels, {"root_module": "src/toy.rs"}]}, Path("/home/me/toy"))
