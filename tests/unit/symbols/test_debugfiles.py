"""The list of debug files that a run directory keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.kernel.elf_files import make_build_id, make_elf

from rustbed.errors import UsageError
from rustbed.symbols.debugfiles import (
    DebugFile,
    DebugFiles,
    SourceTree,
    find_files,
    parse_files,
    read_build_id,
    render_files,
)
from rustbed.symbols.symbolizer import locate_source

FILES = DebugFiles(
    symbolizer=("loader", "llvm-symbolizer"),
    files={
        "": DebugFile(path=Path("/k/vmlinux"), build_id="ab"),
        "toy": DebugFile(path=Path("/k/toy.ko"), build_id="cd", loaded_at=0xFFFFFFFFC0000000),
        "mine": DebugFile(path=Path("/c/tree/mine.ko"), copy=Path("/c/tree"), author="driver"),
    },
    sources=(SourceTree(seen="/src", here=Path("/k/linux")),),
)


def write_module(path: Path, build_id: str) -> Path:
    path.write_bytes(make_elf({".note.gnu.build-id": make_build_id(build_id)}))
    return path


def test_list_comes_back_as_it_was_written() -> None:
    assert parse_files(render_files(FILES)) == FILES


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"symbolizer": 1}', "no JSON"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a list of debug files"):
        parse_files(text)


def test_loaded_module_is_added_with_its_build_id(tmp_path: Path) -> None:
    path = write_module(tmp_path / "mine.ko", "ef" * 20)
    known = FILES.with_module("mine", path, None)
    assert known.files["mine"] == DebugFile(path=path, build_id="ef" * 20)
    assert known.with_module("mine", path, 4096).files["mine"].loaded_at == 4096
    # the build id is that of the first time: the file may be another by now
    write_module(path, "00" * 20)
    assert known.with_module("mine", path, 4096).files["mine"].build_id == "ef" * 20


def test_build_id_of_what_is_no_elf_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    (tmp_path / "empty").touch()
    for name in ("text", "empty", "nothing"):
        assert read_build_id(tmp_path / name) == ""


def test_directory_is_searched_for_modules(tmp_path: Path) -> None:
    (tmp_path / "drivers").mkdir()
    plain = write_module(tmp_path / "drivers/a-toy.ko", "")
    debug = write_module(tmp_path / "other.ko.debug", "")
    vmlinux = write_module(tmp_path / "vmlinux", "")
    assert find_files(vmlinux, tmp_path, ("x",)).files == {
        "a_toy": DebugFile(path=plain),
        "other": DebugFile(path=debug),
        "": DebugFile(path=vmlinux),
    }
    with pytest.raises(UsageError, match="no vmlinux"):
        find_files(tmp_path, None, ("x",))
    with pytest.raises(UsageError, match="no directory"):
        find_files(None, vmlinux, ("x",))


def test_source_is_named_as_in_its_tree(tmp_path: Path) -> None:
    (tmp_path / "drivers").mkdir()
    (tmp_path / "drivers/toy.c").touch()
    sources = (SourceTree(seen="/src", here=tmp_path),)
    assert locate_source("/src/./drivers/toy.c", sources) == ("drivers/toy.c", tmp_path / "drivers/toy.c")
    assert locate_source("/src/drivers/gone.c", sources) == ("drivers/gone.c", None)
    here = tmp_path / "drivers/toy.c"
    assert locate_source(str(here), ()) == (str(here), here)
    assert locate_source("/elsewhere/toy.c", sources) == ("/elsewhere/toy.c", None)
    library = "/usr/lib/rustlib/src/rust/library/core/src/option.rs"
    assert locate_source(library, sources) == ("library/core/src/option.rs", None)
    assert locate_source("", sources) == ("", None)


def test_authors_source_is_named_from_where_the_tests_ran(tmp_path: Path) -> None:
    (tmp_path / "tree/regs").mkdir(parents=True)
    source = tmp_path / "tree/regs/toy.rs"
    source.touch()
    file = DebugFile(path=tmp_path / "tree/toy.ko", copy=tmp_path / "tree", author="driver")
    sources = FILES.sources_of(file)
    assert locate_source("/module/regs/toy.rs", sources) == ("driver/regs/toy.rs", source)
    assert locate_source(str(source), sources) == ("driver/regs/toy.rs", source)
    assert locate_source("/module/gone.rs", sources) == ("driver/gone.rs", None)
    unknown = FILES.sources_of(DebugFile(path=tmp_path / "tree/regs/toy.ko"))
    assert locate_source("/module/toy.rs", unknown) == ("toy.rs", source)
