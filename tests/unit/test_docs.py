"""What a test can check of the documentation: links, paths, and the tables that repeat the code."""

from __future__ import annotations

import re
import shlex
import tomllib
from argparse import SUPPRESS
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from _pytest.config import _prepareconfig
from tests.unit.test_arrows import RANKS

from rustbed.archrow import Arch
from rustbed.cli.main import make_parser
from rustbed.guest import shell
from rustbed.machine import booting, conversation, monitor
from rustbed.machine.watching import Patience
from rustbed.plugin.options import ROWS
from rustbed.request import KEYWORDS

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "tests/**/*.md", "findings/*.md")
    for path in ROOT.glob(pattern)
)

# [text](target), but not ![image](target) of another site
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
# a file of the project named in running text or in a table; NAME stands for any
PLACE = re.compile(
    r"`(?P<path>(?:harness|images|kconfigs|tests|docs)/(?![\w./-]*\b[A-Z]{4,}\.)[\w./-]+\.\w+)`"
)


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headlines, as GitHub makes them."""
    lines = re.findall(r"^#+ +(.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def _anchors_of(there: Path, page: Path, text: str) -> set[str]:
    return anchors(text if there == page else there.read_text())


def broken(page: Path, text: str) -> Iterator[str]:
    """Yield what a page points at that is not there."""
    for match in LINK.finditer(text):
        target, _, anchor = match["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (page.parent / target) if target else page
        if not there.exists() or (anchor and anchor not in _anchors_of(there, page, text)):
            yield match["target"]
    yield from (match["path"] for match in PLACE.finditer(text) if not (ROOT / match["path"]).exists())


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    # what changed once is told with the names it had then
    text = page.read_text() if page.name != "CHANGELOG.md" else ""
    assert list(broken(page, text)) == []


@pytest.mark.parametrize(
    "text",
    ["[a](nowhere.md)", "[a](#nothing)", "[a](docs/ci.md#nothing)", "see `harness/nothing.py`"],
)
def test_a_link_to_nowhere_is_seen(text: str) -> None:
    assert list(broken(ROOT / "README.md", text)) != []


@pytest.mark.parametrize("folder", ["decisions", "findings"])
def test_every_record_is_listed(folder: str) -> None:
    directory = ROOT / "docs" / folder
    listed = directory / "README.md"
    names = {path.name for path in directory.glob("*.md")} - {"README.md"}
    assert {match["target"] for match in LINK.finditer(listed.read_text())} >= names


def test_the_fields_of_an_architectures_row_are_all_described() -> None:
    described = rows("adding-an-arch.md", "## 2. The row")
    names = [name for cell in described for name in re.findall(r"\w+", cell)]
    assert sorted(names) == sorted(["fields", *(field.name for field in fields(Arch))])


def test_the_order_of_stages_is_the_one_that_is_checked() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    assert "\n".join("    " + ", ".join(names) for names in RANKS) in text


def test_the_doors_to_dependencies_are_those_of_the_lint_rules() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rules = project["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"].values()
    listed = rows("architecture.md", "Each outside dependency has one door")
    listed.pop("dependency")
    doors = {rule["msg"].split()[0] for rule in rules}
    assert {cells[0].strip(" `|") for cells in listed.values()} == doors


def rows(page: str, heading: str) -> dict[str, list[str]]:
    """Return the rows of the first table below a heading, by their first cell."""
    text = (ROOT / "docs" / page).read_text()
    section = text[text.index(heading) :]
    lines = section[section.index("\n|") :].strip().split("\n\n")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip("` "): row[1:] for row in cells if not set(row[0]) <= set("- ")}


def test_the_keywords_of_the_machine_marker_are_all_described() -> None:
    described = set(rows("writing-tests.md", "`machine` takes:")) - {"keyword"}
    assert described == set(KEYWORDS)


def test_the_table_of_timeouts_has_the_times_of_the_code() -> None:
    table = rows("writing-tests.md", "## Timeouts")
    emulated = booting.SLOWNESS["tcg"]
    for words, seconds in (
        ("boot to the first answer", booting.BOOT_S),
        ("boot without a new byte on the console", Patience().silence_s),
        ("a command, `plug`", conversation.COMMAND_S),
        ("`wait_for`", shell.WAIT_S),
        ("quiet from a command", Patience().quiet_s),
        ("`monitor.execute`", monitor.QMP_S),
    ):
        (cells,) = (row for name, row in table.items() if name.startswith(words.strip("`")))
        real, slow = (float(cell.strip(" |").split(",")[0]) for cell in cells)
        assert (real, slow) == (seconds, seconds * emulated), words


def test_the_table_of_options_has_all_of_them_with_their_defaults() -> None:
    table = rows("writing-tests.md", "## Options")
    table.pop("option")
    shown = {f"--{name} {_value(how)}".strip(): how for name, how in ROWS if how["help"] != SUPPRESS}
    assert table.keys() == shown.keys()
    told = {word: str(how["default"]) for word, how in shown.items() if how["default"]}
    assert {word: table[word][0].strip("`") for word in told} == told


def _value(how: dict[str, Any]) -> str:
    """Return what an option takes, as it stands in a cell of a table."""
    return how.get("metavar") or "\\|".join(how.get("choices", ()))


# "rustbed gate --baseline old.xml new.xml    # what got worse" on a line of its own; options in texts too
TYPED = re.compile(
    r"(?:^ {4}|^\$ |&& |run: |`(?=[^`]* -))(?:\./)?(?P<program>rustbed|pytest) (?P<words>[^`\n]*)",
    re.MULTILINE,
)
# what ends a command, or is said of it behind two spaces
ENDED = re.compile(r" (?:[|>]|&&|2>) ?| {2,}| # ")
# of "pci|platform" the first will do
ALTERNATIVES = re.compile(r"(?<=\w)\|[\w|]+")


def misunderstood(text: str, pytests: pytest.Parser) -> Iterator[str]:
    """Yield the commands of a page with words that rustbed or pytest does not take."""
    for match in TYPED.finditer(text):
        words = shlex.split(ALTERNATIVES.sub("", ENDED.split(match["words"])[0]), comments=True)
        left = words if match["program"] == "pytest" else unknown_words(words)
        if not is_understood(left, pytests):
            yield match[0].strip(" `$&")


def unknown_words(words: list[str]) -> list[str] | None:
    """Return the words that a command of rustbed leaves to pytest, None if it takes no such words."""
    try:
        args, rest = make_parser(words[:1]).parse_known_args(words)
    except SystemExit as end:
        # 0: it was asked for help
        return None if end.code else []
    return rest if not rest or "pytest_args" in args else None


def is_understood(words: list[str] | None, pytests: pytest.Parser) -> bool:
    """Whether pytest takes them, with our plugin and those that are installed."""
    if words is None:
        return False
    try:
        _, unknown = pytests.parse_known_and_unknown_args(words)
    except pytest.UsageError:
        return False
    return not [word for word in unknown if word.startswith("-")]


@pytest.fixture(scope="module")
def pytests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.Parser]:
    """Yield the parser of a pytest that is started in an empty directory; it has no public name."""
    config = _prepareconfig(["-s", str(tmp_path_factory.mktemp("empty"))])
    yield config._parser
    config._ensure_unconfigure()


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in ROOT.glob("docs/*.md"))])
def test_commands_take_the_words_that_are_shown(page: str, pytests: pytest.Parser) -> None:
    assert list(misunderstood((ROOT / page).read_text(), pytests)) == []


def test_words_that_no_command_takes_are_seen(pytests: pytest.Parser) -> None:
    wrong = [
        *("rustbed gate --nosuch old.xml new.xml", "./rustbed nosuch", "rustbed diff a b --arch"),
        *("./rustbed test --nosuch", "pytest --nosuch", "pytest --maxfail=many", "rustbed watch -k"),
    ]
    right = [
        "rustbed gate --baseline old.xml new.xml    # what got worse",
        "./rustbed explain log | less",
        "./rustbed test --arch x86_64 -k probe tests  # ours and pytest's",
        "pytest -x --lf      stop at the first; --nosuch is no word of it",
        "rustbed new NAME --bus pci|usb",
        "rustbed --help",
    ]
    text = "".join(f"    {line}\n" for line in [*right, *wrong])
    assert list(misunderstood(text, pytests)) == wrong
    assert list(misunderstood("Use `pytest --nosuch` and `rustbed gate --nosuch`.", pytests)) == [
        "pytest --nosuch",
        "rustbed gate --nosuch",
    ]
