"""Modules outside of the kernel's tree: built beside their sources' copy, for the kernel at hand."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from rustbed.arch import require_arch
from rustbed.cache import Cache
from rustbed.errors import BuildError, MismatchError, UsageError
from rustbed.kernel import siblings
from rustbed.kernel.artifact import Kernel, Module
from rustbed.kernel.build import build_kernel
from rustbed.kernel.outoftree import build_modules
from rustbed.kernel.style import check_code
from rustbed.progress import Progress, ignore
from rustbed.toolroot.clippy import Clippy
from rustbed.toolroot.toolchain import Toolchain


@pytest.fixture
def kernel(calls: Path, tree: Path, cache: Cache, toolchain: Toolchain) -> Kernel:
    return build_kernel(
        f"tree:{tree}", require_arch("x86_64"), "default", toolchain=toolchain, cache=cache, report=ignore
    )


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    directory = tmp_path / "driver"
    directory.mkdir()
    (directory / "Kbuild").write_text("obj-m := my_driver.o\n")
    (directory / "my_driver.rs").write_text("module!")
    return directory


def build(kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain) -> tuple[Module, ...]:
    return build_modules(kernel, driver, toolchain=toolchain, cache=cache, report=ignore).modules


def test_a_driver_is_built_and_its_directory_left_alone(
    kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain
) -> None:
    reports: list[Progress] = []
    built = build_modules(kernel, driver, toolchain=toolchain, cache=cache, report=reports.append)
    (module,) = built.modules
    assert module.name == "my_driver"
    assert module.path.is_file()
    assert sorted(path.name for path in driver.iterdir()) == ["Kbuild", "my_driver.rs"]
    assert [report.detail for report in reports] == ["my_driver.o", ""]


def test_edits_arrive_and_removed_files_go(
    kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain
) -> None:
    (driver / "other.rs").write_text("module!")
    assert [module.name for module in build(kernel, driver, cache, toolchain)] == ["my_driver", "other"]
    (driver / "other.rs").unlink()
    (driver / "my_driver.rs").write_text("module, edited!")
    (module,) = build(kernel, driver, cache, toolchain)
    assert b"edited" in module.path.read_bytes()


def test_a_mistake_is_shown(kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain) -> None:
    (driver / "my_driver.rs").write_text("syntax error")
    with pytest.raises(BuildError) as caught:
        build(kernel, driver, cache, toolchain)
    assert caught.value.headline == f"my_driver does not build: cannot find value, {driver}/my_driver.rs:1"
    assert f"{driver}/my_driver.rs:1:1" in caught.value.printed


def test_a_module_for_another_kernel_is_not_handed_out(
    kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain
) -> None:
    (driver / "my_driver.rs").write_text("wrong release")
    with pytest.raises(MismatchError, match=r"my_driver\.ko was built for another kernel"):
        build(kernel, driver, cache, toolchain)


def test_a_directory_without_a_makefile_is_refused(
    kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain
) -> None:
    (driver / "Kbuild").unlink()
    with pytest.raises(UsageError, match="no Kbuild file or Makefile") as caught:
        build(kernel, driver, cache, toolchain)
    assert caught.value.facts["fix"] == "obj-m := NAME.o"


def test_a_directory_that_is_not_there_is_said_to_be_missing(
    kernel: Kernel, tmp_path: Path, cache: Cache, toolchain: Toolchain
) -> None:
    with pytest.raises(UsageError, match=r"there is no directory .*/nosuch"):
        build(kernel, tmp_path / "nosuch", cache, toolchain)


def test_builds_for_one_kernel_do_not_wait_for_each_other(
    kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain
) -> None:
    assert kernel.build_dir is not None
    # as another build holds it, which only reads the kernel's tree
    held = cache.lock(siblings.lock_name(kernel.build_dir), shared=True)
    with ThreadPoolExecutor() as pool, held:
        (module,) = pool.submit(build, kernel, driver, cache, toolchain).result(timeout=600)
    assert module.name == "my_driver"


def calls_of_make(kernel: Kernel) -> int:
    assert kernel.build_dir is not None
    return (kernel.build_dir / "calls").read_text().count("make:modules")


def test_equal_inputs_are_built_once(
    kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain
) -> None:
    before = calls_of_make(kernel)
    first = build(kernel, driver, cache, toolchain)
    (driver / "my_driver.rs").touch()
    (driver / "test_my_driver.py").write_text("def test_probe(vm): ...")
    assert build(kernel, driver, cache, toolchain) == first
    assert calls_of_make(kernel) - before == 1


def test_an_older_file_that_is_put_back_is_what_is_built(
    kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain
) -> None:
    source, kept = driver / "my_driver.rs", driver.parent / "kept.rs"
    shutil.copy2(source, kept)
    source.write_text("edited!")
    build(kernel, driver, cache, toolchain)
    shutil.copy2(kept, source)
    (module,) = build(kernel, driver, cache, toolchain)
    assert b"module!" in module.path.read_bytes()


def test_a_failed_build_is_tried_once_a_session_and_again_in_the_next(
    kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain
) -> None:
    (driver / "my_driver.rs").write_text("syntax error")
    before = calls_of_make(kernel)
    for session in ("one", "one", "two"):
        with pytest.raises(BuildError, match="cannot find value"):
            build_modules(kernel, driver, toolchain=toolchain, cache=cache, report=ignore, session=session)
    assert calls_of_make(kernel) - before == 2


def test_a_damaged_note_of_a_build_is_no_build(
    kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain
) -> None:
    first = build(kernel, driver, cache, toolchain)
    (state,) = cache.root.glob("outoftree/*/state.json")
    state.write_text('{"digest": 1')
    assert build(kernel, driver, cache, toolchain) == first


def test_a_module_that_the_makefile_no_longer_names_is_not_handed_out(
    kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain
) -> None:
    """The fake make lists what it has made, as kbuild does in modules.order."""
    (driver / "other.rs").write_text("module!")
    build(kernel, driver, cache, toolchain)
    (driver / "other.rs").rename(driver / "another.rs")
    assert [module.name for module in build(kernel, driver, cache, toolchain)] == ["another", "my_driver"]


def test_a_directory_that_makes_nothing_is_refused(
    kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain
) -> None:
    (driver / "my_driver.rs").unlink()
    with pytest.raises(UsageError, match="makes no modules"):
        build(kernel, driver, cache, toolchain)


def test_a_kernel_without_its_build_tree_is_refused(
    kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain
) -> None:
    with pytest.raises(UsageError, match="its build tree or its source is missing"):
        build(replace(kernel, build_dir=None), driver, cache, toolchain)


def test_another_compiler_is_refused(
    kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("CONFIG_RUSTC_VERSION=108501\n")
    with pytest.raises(MismatchError) as caught:
        build(replace(kernel, config=config), driver, cache, toolchain)
    assert (caught.value.facts["kernel"], caught.value.facts["toolchain"]) == ("1.85.1", "1.96.1")


CLIPPY = Clippy(program="/elsewhere/clippy-driver", binds=(), version="")


def test_clippy_says_all_it_has_to_say_again_when_one_file_changed(
    kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain
) -> None:
    for text in ("module!", "edited!"):
        (driver / "other.rs").write_text(text)
        built = build_modules(kernel, driver, toolchain=toolchain, cache=cache, report=ignore, clippy=CLIPPY)
        assert built.warnings.splitlines() == [
            "warning: /elsewhere/clippy-driver has a remark on my_driver.rs",
            "warning: /elsewhere/clippy-driver has a remark on other.rs",
        ]


def test_what_clippy_compiled_is_not_what_is_tested(
    kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain
) -> None:
    linted = build_modules(kernel, driver, toolchain=toolchain, cache=cache, report=ignore, clippy=CLIPPY)
    built = build_modules(kernel, driver, toolchain=toolchain, cache=cache, report=ignore)
    assert built.warnings == ""
    assert linted.modules[0].path != built.modules[0].path


@pytest.fixture
def clippy_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a clippy-driver on PATH, which the fake make does not run."""
    program = tmp_path / "bin/clippy-driver"
    program.parent.mkdir()
    program.touch(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return program


def test_what_clippy_cannot_compile_is_a_remark(
    kernel: Kernel, driver: Path, cache: Cache, toolchain: Toolchain, clippy_driver: Path
) -> None:
    (driver / "my_driver.rs").write_text("syntax error")
    said = check_code(kernel, driver, toolchain=toolchain, cache=cache, report=ignore)
    assert f"{driver}/my_driver.rs:1:1" in said
