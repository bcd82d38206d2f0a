"""The directory that `rustbed new` makes, before it is written."""

from __future__ import annotations

import re

import pytest

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


@pytest.mark.parametrize("author", ['a"b', "a\\", "a\nb"])
def test_an_author_that_is_no_text_of_rust_is_refused(author: str) -> None:
    with pytest.raises(UsageError, match="an author cannot be called"):
        render_files({}, "toy", author=author)
