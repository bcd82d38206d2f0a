"""Kernels through the cache, compiled by a make that only pretends."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest
from tests.edge.kernel.made import Builder, entries, notes, targets

from rustbed.cache import Cache
from rustbed.errors import BuildError, ConfigError, HostError
from rustbed.progress import Progress


def test_a_kernel_is_built_once(build: Builder, cache: Cache) -> None:
    reports: list[Progress] = []
    kernel = build(report=reports.append)
    assert (kernel.release, sorted(kernel.modules)) == ("7.3.0", ["rust_minimal", "rust_print"])
    assert kernel.image.name == "bzImage"
    assert kernel.build_dir is not None
    assert [report.done for report in reports if report.detail.endswith(".ko")] == [1, 2]
    assert reports[-1].finished
    assert build() == kernel
    assert notes(cache).count("make") == 1


def test_a_dropped_option_fails_the_build_and_is_explained(build: Builder, tree: Path, cache: Cache) -> None:
    (tree / "dropped").write_text("MODULES\n")
    with pytest.raises(ConfigError) as caught:
        build()
    dropped = str(caught.value.facts["dropped"])
    assert dropped.startswith("CONFIG_MODULES=y  (base.config:")
    assert dropped.endswith("needs MAGIC (MAGIC is n)")
    assert entries(cache) == []
    # nothing was compiled, and no half-made tree is kept
    assert list((cache.root / "builds").iterdir()) == []


def test_a_kernel_without_rust_says_why(build: Builder, tree: Path) -> None:
    (tree / "dropped").write_text("RUST\n")
    with pytest.raises(ConfigError) as caught:
        build()
    assert "this kernel has no such option" in str(caught.value.facts["dropped"])
    assert caught.value.facts["rustavailable"] == "Rust is not available: the fake has none"


def test_a_mistake_is_shown_and_mended(build: Builder, tree: Path, cache: Cache) -> None:
    file = tree / "samples/rust_print.rs"
    file.write_text("syntax error")
    with pytest.raises(BuildError) as caught:
        build()
    assert str(caught.value.facts["first_error"]).splitlines()[0] == "error[E0425]: cannot find value"
    assert "error: aborting" in Path(str(caught.value.facts["log"])).read_text()
    assert entries(cache) == []
    file.write_text("module!")
    assert sorted(build().modules) == ["rust_minimal", "rust_print"]
    assert notes(cache).count("samples/rust_minimal.ko") == 1


def test_an_edited_module_is_all_that_is_made_again(build: Builder, tree: Path, cache: Cache) -> None:
    before = build()
    (tree / "samples/rust_print.rs").write_text("module, edited!")
    after = build()
    assert after.key != before.key
    assert after.image.samefile(before.image)
    assert after.modules["rust_minimal"].path.samefile(before.modules["rust_minimal"].path)
    assert b"edited" in after.modules["rust_print"].path.read_bytes()
    assert b"edited" not in before.modules["rust_print"].path.read_bytes()
    assert notes(cache).count("samples/rust_minimal.ko") == 1
    assert notes(cache).count("allnoconfig") == 1
    assert targets(cache) == ["bzImage,modules", "modules"]


def test_an_edit_of_the_kernel_makes_the_kernel(build: Builder, tree: Path, cache: Cache) -> None:
    before = build()
    (tree / "main.c").write_text("int main, edited;")
    (tree / "samples/rust_print.rs").write_text("module, edited!")
    after = build()
    assert b"edited" in after.image.read_bytes()
    assert after.modules["rust_minimal"].path.samefile(before.modules["rust_minimal"].path)
    assert targets(cache) == ["bzImage,modules", "bzImage,modules"]


def test_a_new_file_makes_the_kernel(build: Builder, tree: Path, cache: Cache) -> None:
    build()
    (tree / "samples/rust_new.rs").write_text("module!")
    assert sorted(build().modules) == ["rust_minimal", "rust_new", "rust_print"]
    assert targets(cache)[-1] == "bzImage,modules"


def test_after_a_mistake_in_a_module_the_kernel_is_still_good(
    build: Builder, tree: Path, cache: Cache
) -> None:
    build()
    for text in ("syntax error", "module, mended!"):
        (tree / "samples/rust_print.rs").write_text(text)
        if text == "syntax error":
            with pytest.raises(BuildError):
                build()
    assert b"mended" in build().modules["rust_print"].path.read_bytes()
    assert targets(cache) == ["bzImage,modules", "modules", "modules"]


def test_after_a_mistake_in_the_kernel_it_is_made_again(build: Builder, tree: Path, cache: Cache) -> None:
    build()
    (tree / "main.c").write_text("int main, edited;")
    (tree / "samples/rust_print.rs").write_text("syntax error")
    with pytest.raises(BuildError):
        build()
    (tree / "samples/rust_print.rs").write_text("module, mended!")
    assert b"edited" in build().image.read_bytes()
    assert targets(cache) == ["bzImage,modules"] * 3


def test_an_edit_that_is_taken_back_is_the_old_kernel(build: Builder, tree: Path) -> None:
    file = tree / "samples/rust_print.rs"
    before, text = build(), file.read_text()
    file.write_text("module, edited!")
    build()
    file.write_text(text)
    assert build().key == before.key


@pytest.mark.parametrize("between", ["", "syntax error"])
def test_an_older_source_that_is_put_back_is_compiled(build: Builder, tree: Path, between: str) -> None:
    """Also behind a build that failed: what that compiled is as new as what was good."""
    # they are compiled in this order
    edited, other = tree / "samples/rust_minimal.rs", tree / "samples/rust_print.rs"
    kept = tree.parent / "kept.rs"
    build()
    shutil.copy2(edited, kept)
    edited.write_text("edited!")
    if between:
        other.write_text(between)
        with pytest.raises(BuildError):
            build()
    else:
        build()
    shutil.copy2(kept, edited)
    other.write_text("another edit!")
    kernel = build()
    assert kernel.modules["rust_minimal"].path.read_bytes().endswith(b"module!")


def test_only_the_newest_kernels_of_a_tree_are_kept(build: Builder, tree: Path, cache: Cache) -> None:
    for number in range(10):
        (tree / "samples/rust_print.rs").write_text(f"module {number}!")
        kernel = build()
    assert len(entries(cache)) == 8
    assert b"module 9!" in kernel.modules["rust_print"].path.read_bytes()


@pytest.mark.parametrize("name", ["bzImage", "modules/rust_print.ko"])
def test_a_damaged_kernel_is_found_and_made_again(build: Builder, cache: Cache, name: str) -> None:
    entry = build().image.parent
    good = (entry / name).read_bytes()
    (entry / name).write_bytes(bytes([good[0] ^ 1]) + good[1:])
    again = build()
    assert (again.image.parent / name).read_bytes() == good
    # the build tree was whole: nothing had to be compiled
    assert notes(cache).count("samples/rust_print.ko") == 1


def test_a_broken_build_tree_is_started_over(
    build: Builder, tree: Path, cache: Cache, tmp_path: Path
) -> None:
    (tree / "needs-clean").write_text("")
    archive = tmp_path / "linux.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(tree, "linux")
    kernel = build(f"tarball:{archive}")
    assert kernel.build_dir is not None
    (kernel.build_dir / "arch/x86/boot/bzImage").unlink()
    (kernel.build_dir / "stale").write_text("")
    kernel.image.unlink()
    assert build(f"tarball:{archive}").key == kernel.key
    assert not (kernel.build_dir / "stale").exists()


def test_a_source_that_never_compiled_is_not_compiled_twice(
    build: Builder, tree: Path, cache: Cache, tmp_path: Path
) -> None:
    (tree / "samples/rust_print.rs").write_text("syntax error")
    archive = tmp_path / "linux.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(tree, "linux")
    for _ in range(2):
        with pytest.raises(BuildError):
            build(f"tarball:{archive}")
    assert notes(cache).count("samples/rust_minimal.ko") == 1


def test_a_full_disk_is_not_called_a_mistake(build: Builder, tree: Path, cache: Cache) -> None:
    (tree / "full-disk").write_text("")
    with pytest.raises(HostError, match="no space left"):
        build()
    assert entries(cache) == []


def test_an_old_compiler_is_refused_by_the_trees_own_word(build: Builder) -> None:
    old = {"rustc": "1.84.0", "clang": "19.1.7", "bindgen": "0.71.1", "ld.lld": "19.1.7"}
    with pytest.raises(HostError) as caught:
        build(versions=old | {"llvm-objcopy": "19.1.7"})
    assert caught.value.facts == {"rustc": "1.84.0 is too old, 1.85.0 or newer needed"}
