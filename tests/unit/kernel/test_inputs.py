"""Which files a build may read, and when two looks at them are the same."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from rustbed.errors import UsageError
from rustbed.kernel.inputs import read_inputs, require_plain


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    return write(tmp_path / "driver", {"Kbuild": "obj-m := d.o", "d.rs": "mod regs;", "regs.rs": ""})


def test_times_say_nothing_and_contents_all(driver: Path, tmp_path: Path) -> None:
    first = read_inputs(driver).digest
    kept = tmp_path / "kept"
    shutil.copy2(driver / "d.rs", kept)
    (driver / "d.rs").write_text("mod Regs;")
    os.utime(driver / "d.rs", ns=(kept.stat().st_atime_ns, kept.stat().st_mtime_ns))
    assert read_inputs(driver).digest != first
    kept.rename(driver / "d.rs")
    assert read_inputs(driver).digest == first


def test_a_repository_with_its_kbuild_file_at_the_root_is_not_copied_whole(driver: Path) -> None:
    first = read_inputs(driver)
    write(
        driver,
        {
            ".venv/lib/big.py": "",
            ".git/HEAD": "",
            "env/pyvenv.cfg": "",
            "env/lib/big.c": "",
            "target/CACHEDIR.TAG": "",
            "target/big.o": "",
            "results/20261128T000000Z-1/test_x/console.log": "",
            "tests/test_x.py": "",
            "conftest.py": "",
            "__pycache__/conftest.pyc": "",
            "d.o": "",
            "d.ko": "",
            "modules.order": "",
        },
    )
    (driver / "results/latest").symlink_to("20261128T000000Z-1")
    assert read_inputs(driver) == first
    write(driver, {"sub/latest": "a source of that name", "firmware/table.bin": "1"})
    assert set(read_inputs(driver).files) - set(first.files) == {"sub/latest", "firmware/table.bin"}


@pytest.mark.parametrize(
    "source",
    [
        '#[path = "../common/regs.rs"] mod regs;',
        'include!("../common/regs.rs");',
        '#include "../common/regs.rs"',
    ],
)
def test_sources_that_are_named_elsewhere_are_inputs_with_their_directory(driver: Path, source: str) -> None:
    write(driver.parent, {"common/regs.rs": "mod more;", "common/more.rs": "", "elsewhere/x.rs": ""})
    (driver / "d.rs").write_text(source)
    found = read_inputs(driver)
    assert (found.root, found.place, found.needs) == (driver.parent, Path("driver"), ())
    assert {"common/regs.rs", "common/more.rs"} <= set(found.files)
    assert "elsewhere/x.rs" not in found.files


def test_a_file_of_the_directory_above_does_not_bring_all_that_is_there(driver: Path) -> None:
    write(driver.parent, {"regs.h": "", "notes.txt": "", "other/x.c": ""})
    (driver / "d.c").write_text('#include "../regs.h"')
    assert set(read_inputs(driver).files) - {"driver/Kbuild", "driver/d.rs", "driver/regs.rs"} == {
        "driver/d.c",
        "regs.h",
    }


def test_any_file_of_the_directory_above_is_an_input_if_a_source_names_it(driver: Path) -> None:
    write(driver.parent, {"firmware.bin": "1", "other.bin": ""})
    (driver / "d.rs").write_text('const TABLE: &[u8] = include_bytes!("../firmware.bin");')
    found = read_inputs(driver).files
    assert ("firmware.bin" in found, "other.bin" in found) == (True, False)


def test_the_way_up_from_a_link_is_that_of_what_it_leads_to(driver: Path) -> None:
    write(driver.parent, {"common/regs.rs": "", "project/common/regs.rs": ""})
    (driver / "d.rs").write_text('#[path = "../common/regs.rs"] mod regs;')
    link = driver.parent / "project/driver"
    link.symlink_to(driver)
    assert read_inputs(link) == read_inputs(driver)


@pytest.mark.parametrize("place", ["my driver", "my:driver"])
def test_a_directory_that_kbuild_takes_for_several_is_refused(driver: Path, place: str) -> None:
    write(driver.parent, {"common/regs.rs": ""})
    driver = driver.rename(driver.with_name(place))
    require_plain(read_inputs(driver))
    (driver / "d.rs").write_text('#[path = "../common/regs.rs"] mod regs;')
    with pytest.raises(UsageError, match=f"blanks and colons: {driver}"):
        require_plain(read_inputs(driver))


def test_symbols_of_another_directory_are_built_before(driver: Path) -> None:
    write(driver.parent, {"counter/Kbuild": "obj-m := counter.o", "counter/counter.rs": ""})
    (driver / "Kbuild").write_text(
        "obj-m := d.o\nKBUILD_EXTRA_SYMBOLS := $(src)/../counter/Module.symvers\nccflags-y := -I$(src)/..\n"
    )
    found = read_inputs(driver)
    assert found.needs == (Path("counter"),)
    assert "counter/counter.rs" in found.files


def test_what_is_named_and_not_there_is_the_compilers_to_complain_about(driver: Path) -> None:
    (driver / "d.rs").write_text('#[path = "../nosuch/regs.rs"] mod regs; // see ../../..')
    assert read_inputs(driver).root == driver


def test_links_to_directories_are_followed_once(driver: Path) -> None:
    write(driver.parent, {"common/regs.rs": ""})
    (driver / "common").symlink_to("../common")
    (driver / "common/again").symlink_to("../driver")
    assert "common/regs.rs" in read_inputs(driver).files
