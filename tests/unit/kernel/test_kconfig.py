"""Fragments: what is asked for, in which order, and what came out."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.arch import ARCHES, Arch, require_arch
from rustbed.data import data_dir
from rustbed.errors import SpecError, UsageError
from rustbed.kernel.kconfig import (
    find_lost,
    fragment_paths,
    list_profiles,
    load_fragments,
    merge_options,
    parse_config,
    parse_fragment,
    render_options,
)

FILE = Path("some.config")
NEWEST = (99, 0)


def all_fragments() -> list[Path]:
    return sorted(data_dir("kconfigs").rglob("*.config"))


@pytest.mark.parametrize("path", all_fragments(), ids=lambda path: path.stem)
def test_every_option_of_ours_has_a_reason(path: Path) -> None:
    assert [option.name for option in load_fragments([path]) if not option.reason] == []


def test_an_option_without_a_reason_would_be_noticed() -> None:
    (option,) = parse_fragment("# about something else\n\nCONFIG_A=y\n", FILE)
    assert option.reason == ""


@pytest.mark.parametrize("path", all_fragments(), ids=lambda path: path.stem)
def test_no_fragment_of_ours_says_a_thing_twice(path: Path) -> None:
    names = [option.name for option in load_fragments([path])]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("row", ARCHES.values(), ids=str)
@pytest.mark.parametrize("profile", list_profiles())
def test_every_kernel_gets_rust_and_modules(row: Arch, profile: str) -> None:
    paths = fragment_paths(row, profile)
    wanted = {option.name: option.value for option in merge_options(load_fragments(paths), NEWEST)}
    assert {name: wanted[name] for name in ("RUST", "MODULES", "MODULE_UNLOAD")} == {
        "RUST": "y",
        "MODULES": "y",
        "MODULE_UNLOAD": "y",
    }


def test_fragments_come_in_the_order_in_which_later_ones_win(tmp_path: Path) -> None:
    mine = tmp_path / "mine.config"
    mine.write_text("CONFIG_A=y\n")
    paths = fragment_paths(require_arch("arm64"), "debug", [mine])
    names = [path.relative_to(data_dir("kconfigs")).as_posix() for path in paths[:-1]]
    assert names == ["base.config", "pci.config", "rust.config", "arch/arm64.config", "profile/debug.config"]
    assert paths[-1] == mine


def test_an_architecture_may_need_something_for_a_profile() -> None:
    names = [path.name for path in fragment_paths(require_arch("x86_64"), "debug")]
    assert names[-2:] == ["debug.config", "x86_64-debug.config"]


def test_a_cpu_of_a_row_is_for_a_profile_that_exists() -> None:
    assert {profile for row in ARCHES.values() for profile, _ in row.profile_cpus} <= set(list_profiles())


def test_an_unknown_profile_is_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        fragment_paths(require_arch("arm64"), "fast")
    assert caught.value.facts["choices"] == "debug, default, pages16k, pages64k"


def test_a_missing_fragment_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no kconfig fragment .*/gone\.config"):
        fragment_paths(require_arch("arm64"), "default", [tmp_path / "gone.config"])


def test_a_fragment_is_options_with_reasons() -> None:
    text = '# title\n\n# why a\nCONFIG_A=y\n# why\n# not b\n# CONFIG_B is not set\nCONFIG_C="x y"\n'
    found = [(option.name, option.value, option.reason, option.line) for option in parse_fragment(text, FILE)]
    assert found == [("A", "y", "why a", 4), ("B", "n", "why not b", 7), ("C", '"x y"', "", 8)]


@pytest.mark.parametrize("value", [r'"a \"b c/*\" d"', r'"\\"', '""'])
def test_a_string_may_have_quotes_and_backslashes_in_it(value: str) -> None:
    (option,) = parse_fragment(f"CONFIG_A={value}\n", FILE)
    assert str(option) == f"CONFIG_A={value}"
    assert find_lost([option], parse_config(render_options([option]))) == ()


@pytest.mark.parametrize("blank", [" ", "\t", "  \r"])
def test_a_blank_behind_what_is_not_set_changes_nothing(blank: str) -> None:
    (option,) = parse_fragment(f"# CONFIG_A is not set{blank}\n", FILE)
    assert str(option) == "# CONFIG_A is not set"


def test_prose_about_what_is_not_set_is_a_comment() -> None:
    assert parse_fragment("# CONFIG_A is not set by default\n", FILE) == ()


@pytest.mark.parametrize(
    "line",
    [
        *(
            "CONFIG_A",
            "A=y",
            "CONFIG_A=yes",
            "CONFIG_A=",
            "# why\nCONFIG_A=y y",
            "# CONFIG_A is not set # why",
        ),
        # the quote that would end it belongs to the text
        *(r'CONFIG_A="a\"', r'CONFIG_A="a"b"'),
    ],
)
def test_a_line_that_is_no_option_is_named(line: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_fragment(f"CONFIG_OK=y\n{line}\n", FILE)
    assert (caught.value.file, caught.value.line) == (FILE, 1 + len(line.splitlines()))


@pytest.mark.parametrize(
    ("version", "expected"), [((6, 13), ["OLD"]), ((6, 14), ["NEW", "OLD"]), ((7, 3), ["NEW"])]
)
def test_options_that_a_kernel_does_not_have_are_left_out(
    version: tuple[int, int], expected: list[str]
) -> None:
    options = parse_fragment("# since 6.14: why\nCONFIG_NEW=y\n# until 7.2: why\nCONFIG_OLD=m\n", FILE)
    assert [option.name for option in merge_options(options, version)] == expected
    assert [option.reason for option in options] == ["why", "why"]


def test_the_last_word_on_an_option_counts() -> None:
    options = parse_fragment("CONFIG_A=y\nCONFIG_B=y\n", FILE) + parse_fragment(
        "# CONFIG_A is not set\n", FILE
    )
    assert render_options(merge_options(options, NEWEST)) == "# CONFIG_A is not set\nCONFIG_B=y\n"


def test_an_option_that_was_dropped_is_found() -> None:
    wanted = parse_fragment("CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=5\n# CONFIG_D is not set\n", FILE)
    config = parse_config("CONFIG_A=y\nCONFIG_B=y\n# CONFIG_C is not set\nCONFIG_D=y\nCONFIG_E=y\n")
    assert [(lost.option.name, lost.got) for lost in find_lost(wanted, config)] == [
        ("B", "y"),
        ("C", "n"),
        ("D", "y"),
    ]


def test_nothing_is_lost_when_all_came_out() -> None:
    wanted = parse_fragment('CONFIG_A=m\nCONFIG_N="x"\n# CONFIG_D is not set\n', FILE)
    assert find_lost(wanted, parse_config('CONFIG_A=m\nCONFIG_N="x"\n')) == ()
