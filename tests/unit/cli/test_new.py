"""The directory that `rustbed new` makes, before it is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rustbed.cli.main import main
from rustbed.cli.new import list_buses, load_templates, render_files
from rustbed.errors import UsageError


@pytest.mark.parametrize("bus", list_buses())
def test_every_bus_has_a_driver_tests_and_what_they_need(bus: str) -> None:
    files = render_files(load_templates(bus), "my_toy2", author="A. Author")
    assert sorted(files) == [
        ".github/workflows/test.yml",
        ".gitignore",
        "README.md",
        "driver/Kbuild",
        "driver/my_toy2.rs",
        "pyproject.toml",
        "tests/conftest.py",
        "tests/test_my_toy2.py",
    ]
    assert "obj-m := my_toy2.o" in files["driver/Kbuild"]
    assert 'name: "my_toy2"' in files["driver/my_toy2.rs"]
    assert "struct MyToy2" in files["driver/my_toy2.rs"]
    assert 'authors: ["A. Author"]' in files["driver/my_toy2.rs"]
    assert not [path for path, text in files.items() if re.search(r"@\w+@", text)]
    assert len(files["README.md"].splitlines()) <= 10


@pytest.mark.parametrize(
    "name", ["", "Toy", "1toy", "toy-2", "toy__2", "_toy", "a/b", "fn", "kernel", "x" * 41]
)
def test_a_name_that_no_driver_can_have_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="a driver cannot be called"):
        render_files({}, name, author="A")


def test_a_name_that_is_too_long_for_ids_of_the_bus_is_refused() -> None:
    assert render_files({}, "x" * 19, author="A", longest=19) == {}
    with pytest.raises(UsageError, match="at most 19 characters are allowed"):
        render_files({}, "x" * 20, author="A", longest=19)


@pytest.mark.parametrize("bus", list_buses())
def test_a_directory_for_every_bus_is_written(
    bus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "x" * 19, "--bus", bus]) == 0
    assert (tmp_path / ("x" * 19) / "driver/Kbuild").is_file()
    assert "rustbed boot --module driver" in capsys.readouterr().out


def test_a_name_that_is_too_long_for_i2c_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "x" * 20, "--bus", "i2c"]) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("author", ['a"b', "a\\", "a\nb"])
def test_an_author_that_is_no_text_of_rust_is_refused(author: str) -> None:
    with pytest.raises(UsageError, match="an author cannot be called"):
        render_files({}, "toy", author=author)
