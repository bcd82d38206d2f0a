"""What an image file may say, and the file that comes with the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.data import data_dir
from rustbed.errors import SpecError, UsageError
from rustbed.image.spec import ImageFile, find_spec_file, load_image_spec

LEAST = "busybox: busybox-static\ninit: init\nrbctl: rbctl\n"


def write(directory: Path, text: str) -> Path:
    path = directory / "mine.yaml"
    path.write_text(text)
    return path


def refused(path: Path) -> SpecError:
    with pytest.raises(SpecError) as caught:
        load_image_spec(path)
    assert caught.value.file == path
    return caught.value


def test_default_image_is_found_and_names_files_that_are_there() -> None:
    spec = load_image_spec(find_spec_file("default"))
    assert spec.file == data_dir("images") / "default.yaml"
    assert spec.modules is None
    assert spec.init.is_file()
    assert (spec.rbctl / "rbctl.c").is_file()
    assert all(file.source.is_file() for file in spec.files)


def test_default_image_has_the_applets_that_its_init_calls_before_proc_is_mounted() -> None:
    assert {"sh", "mount", "sleep", "cat", "poweroff", "insmod"} <= set(
        load_image_spec(find_spec_file("default")).applets
    )


def test_every_option_of_the_default_image_has_a_reason() -> None:
    lines = find_spec_file("default").read_text().splitlines()
    for number, line in enumerate(lines):
        if line[:1].isalpha() and not line.startswith("files:"):
            assert lines[number - 1].startswith("#"), f"line {number + 1} has no reason: {line}"


def test_unknown_name_lists_the_images_there_are() -> None:
    with pytest.raises(UsageError, match="unknown image 'defualt'") as caught:
        find_spec_file("defualt")
    assert "default" in str(caught.value.facts["known"])


def test_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no image file .*/none\.yaml"):
        find_spec_file(str(tmp_path / "none.yaml"))


def test_least_image_takes_all_modules_and_nothing_else(tmp_path: Path) -> None:
    spec = load_image_spec(write(tmp_path, LEAST))
    assert (spec.modules, spec.early_modules, spec.applets, spec.directories, spec.files) == (
        None,
        (),
        (),
        (),
        (),
    )


def test_files_are_looked_for_beside_the_image_file_first(tmp_path: Path) -> None:
    (tmp_path / "fstab").write_text("mine")
    text = (
        LEAST
        + "files:\n- {path: /etc/fstab, source: fstab}\n- {path: /init2, source: init, executable: true}\n"
    )
    assert load_image_spec(write(tmp_path, text)).files == (
        ImageFile(path="etc/fstab", source=tmp_path / "fstab", executable=False),
        ImageFile(path="init2", source=data_dir("images") / "init", executable=True),
    )


def test_file_that_is_nowhere_is_named_with_its_key(tmp_path: Path) -> None:
    error = refused(write(tmp_path, LEAST + "files:\n- {path: /x, source: nowhere}\n"))
    assert error.key == "files[0].source"
    assert f"there is no {tmp_path}/nowhere or " in str(error)


@pytest.mark.parametrize("path", ["etc/x", "/", "/a/../b", "/a//b", "/a/."])
def test_path_in_the_guest_must_be_absolute_and_plain(tmp_path: Path, path: str) -> None:
    error = refused(write(tmp_path, LEAST + f"directories: [{path}]\n"))
    assert error.key == "directories[0]"
    assert "not an absolute path in the guest" in str(error)


@pytest.mark.parametrize("applet", ["bin/sh", "a b", "''"])
def test_applet_must_be_a_name(tmp_path: Path, applet: str) -> None:
    assert refused(write(tmp_path, LEAST + f"applets: [{applet}]\n")).key == "applets[0]"


def test_invalid_yaml_names_file_and_line(tmp_path: Path) -> None:
    error = refused(write(tmp_path, LEAST + "modules: [a\n"))
    assert error.line == 5
    assert str(error).startswith(f"{tmp_path}/mine.yaml:5: not valid YAML")
