"""Paths in rust-project.json, from where kernels are built to where this host has the files."""

from __future__ import annotations

from rustbed.kernel.rustproject import move_paths

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
