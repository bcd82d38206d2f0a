"""Why an option was lost, told from the Kconfig files of a small tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.kernel.kconfig import Lost, parse_fragment
from rustbed.kernel.kconfig_tree import evaluate, explain_lost, load_definitions, split_conjunction

TOP = """\
mainmenu "Linux"

source "arch/$(SRCARCH)/Kconfig"
source "drivers/Kconfig"
source "gone/Kconfig"

config MODULES
	bool "Loadable modules"
	help
		config FAKE
			bool "this is help, not a definition"

		depends on NOTHING

config HIDDEN
	bool
"""
ARCH = """\
config X86
	def_bool y
"""
DRIVERS = """\
menu "Drivers"
	depends on HAS_IOMEM

if NET && \\
   INET

config NIC
	tristate "A card" if EXPERT
	depends on PCI || USB
	depends on $(cc-option,-mfancy)

endif # NET

config BUS
	tristate "A bus"

choice
	prompt "Mode"
	depends on BUS

config FAST
	bool "fast"

endchoice

endmenu

comment "after"
	depends on NOTHING

config LAST
	bool "the last"
	depends on BUS=y
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in (("Kconfig", TOP), ("arch/x86/Kconfig", ARCH), ("drivers/Kconfig", DRIVERS)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def explain(tree: Path, line: str, config: dict[str, str], got: str = "n") -> str:
    (option,) = parse_fragment(line, Path("f.config"))
    return explain_lost(Lost(option=option, got=got), load_definitions(tree, "x86"), config)


def test_all_definitions_are_read_and_help_is_not(tree: Path) -> None:
    assert sorted(load_definitions(tree, "x86")) == [
        "BUS",
        "FAST",
        "HIDDEN",
        "LAST",
        "MODULES",
        "NIC",
        "X86",
    ]


def test_a_definition_knows_what_is_around_it(tree: Path) -> None:
    (definition,) = load_definitions(tree, "x86")["NIC"]
    assert definition.where == "drivers/Kconfig:7"
    assert definition.depends == (
        "HAS_IOMEM",
        "NET &&  INET",
        "EXPERT",
        "PCI || USB",
        "$(cc-option,-mfancy)",
    )


def test_what_ends_is_no_longer_around(tree: Path) -> None:
    known = load_definitions(tree, "x86")
    assert known["BUS"][0].depends == ("HAS_IOMEM",)
    assert known["FAST"][0].depends == ("HAS_IOMEM", "BUS")
    assert known["LAST"][0].depends == ("BUS=y",)


def test_unmet_dependencies_are_named_with_their_values(tree: Path) -> None:
    config = {"HAS_IOMEM": "y", "NET": "y", "EXPERT": "y"}
    assert explain(tree, "CONFIG_NIC=m", config) == (
        "needs INET (INET is n), PCI || USB (PCI is n, USB is n), $(cc-option,-mfancy)"
    )


def test_a_module_below_does_not_do_for_what_is_built_in(tree: Path) -> None:
    config = {"HAS_IOMEM": "y", "BUS": "m"}
    assert explain(tree, "CONFIG_FAST=y", config) == "needs BUS (BUS is m)"
    assert explain(tree, "CONFIG_LAST=y", config) == "needs BUS = y (BUS is m)"


def test_an_option_that_does_not_exist_is_called_that(tree: Path) -> None:
    assert explain(tree, "CONFIG_NOPE=y", {}) == "this kernel has no such option"


def test_an_option_without_a_prompt_cannot_be_set(tree: Path) -> None:
    assert (
        explain(tree, "CONFIG_HIDDEN=y", {}) == "cannot be set, only selected by other options (Kconfig:15)"
    )


def test_an_option_that_is_forced_on_is_called_that(tree: Path) -> None:
    assert explain(tree, "# CONFIG_BUS is not set", {"BUS": "y"}, got="y").startswith(
        "is y: other options select"
    )


def test_what_cannot_be_explained_is_not_explained_away(tree: Path) -> None:
    assert "its dependencies hold" in explain(tree, "CONFIG_MODULES=y", {})


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("A", 2),
        ("M", 1),
        ("GONE", 0),
        ("!GONE && A", 2),
        ("A && M", 1),
        ("(GONE || A) && !M", 1),
        ("A = y && S = \"on\"", 2),
        ("A != y", 0),
        ("N >= 150000", 2),
        ("N < 150000", 0),
        ("$(success,true)", None),
        ("GONE && $(success,true)", 0),
        ("A || $(success,true)", 2),
        ("", 0),
    ],
)  # fmt: skip
def test_conditions_are_evaluated(condition: str, expected: int | None) -> None:
    assert evaluate(condition, {"A": "y", "M": "m", "S": '"on"', "N": "190107"}) == expected


def test_a_condition_is_split_at_its_outer_ands() -> None:
    assert split_conjunction("A && (B || C) && !D") == ("A", "(B || C)", "!D")
    assert split_conjunction("A && B || C") == ("A && B || C",)
