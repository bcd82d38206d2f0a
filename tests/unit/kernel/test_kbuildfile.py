"""What is said of a directory in which there is nothing to build."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.kernels import make_kernel

from rustbed.errors import UsageError
from rustbed.kernel.kbuildfile import find_named, require_makefile, without_modules

IN_IT = "obj-m := NAME.o in its Kbuild file or Makefile"


def fix_of(directory: Path) -> object:
    with pytest.raises(UsageError, match="no Kbuild file or Makefile") as caught:
        require_makefile(directory)
    return caught.value.facts["fix"]


def test_directories_below_that_have_a_makefile_are_named(tmp_path: Path) -> None:
    assert fix_of(tmp_path) == "obj-m := NAME.o"
    for name in ("first/Kbuild", "second/Makefile", "tests/test_it.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert fix_of(tmp_path) == "first or second in it, which has one"


def test_an_empty_directory_of_a_repository_with_submodules_is_one_that_was_not_fetched(
    tmp_path: Path,
) -> None:
    (tmp_path / "drivers/mine").mkdir(parents=True)
    assert fix_of(tmp_path / "drivers/mine") == "obj-m := NAME.o"
    (tmp_path / ".gitmodules").touch()
    assert fix_of(tmp_path / "drivers/mine") == "git submodule update --init"
    (tmp_path / "drivers/mine/mine.rs").touch()
    assert fix_of(tmp_path / "drivers/mine") == "obj-m := NAME.o"


@pytest.mark.parametrize(
    ("makefile", "headline", "fix"),
    [
        ("", "{} makes no modules", "obj-m := NAME.o in its Kbuild file or Makefile"),
        (
            "obj-$(CONFIG_NET) += mine.o\n",
            "{} makes no modules",
            "obj-m := NAME.o in its Kbuild file or Makefile",
        ),
        (
            "obj-$(CONFIG_MINE) += mine.o\n",
            "{} makes no modules: the kernel has no CONFIG_MINE",
            "obj-m instead of obj-$(CONFIG_MINE), or before it: CONFIG_MINE ?= m",
        ),
        ("all:\n\tmake -C $(KDIR) M=$(PWD)/src\n", "{} makes no modules", "src in it, which has one"),
    ],
)
def test_a_makefile_that_makes_nothing_is_told_why(
    tmp_path: Path, makefile: str, headline: str, fix: str
) -> None:
    config = tmp_path / "config"
    config.write_text("CONFIG_NET=y\n")
    driver = tmp_path / "driver"
    (driver / "empty").mkdir(parents=True)
    (driver / "Makefile").write_text(makefile)
    if "src" in makefile:
        (driver / "src").mkdir()
        (driver / "src/Kbuild").touch()
    error = without_modules(driver, make_kernel(config=config))
    assert (error.headline, error.facts["fix"]) == (headline.format(driver), fix)


def test_modules_are_named_by_the_makefile(tmp_path: Path) -> None:
    (tmp_path / "Kbuild").write_text("obj-m := one.o two.o sub/\n  obj-m += three.o\nthree-y := main.o\n")
    assert find_named(tmp_path) == ("one", "two", "three")
