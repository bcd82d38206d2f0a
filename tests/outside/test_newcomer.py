"""What the README promises to a newcomer: its own lines, executed in an empty directory."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.outside.installed import CHECKOUT, Installed, Project

SECTION = "Your first driver"
# the exit status that a line's comment stands for
STATUSES = {"green": 0, "red": 1, "": 0}
# printed between what the lines print
MARK = "-- README --"


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line for the shell, and what the README says of it."""

    command: str
    # green, red, or "" for a line that is to succeed
    said: str


def read_section(readme: str, title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)^## ", readme, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def read_lines(section: str) -> list[Line]:
    """Return the indented lines of a section, outside of what is quoted."""
    plain = re.sub(r"^```.*?^```", "", section, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^ {4}(.*?)(?: +# (\w+))?$", plain, re.MULTILINE)
    return [Line(command=command, said=said) for command, said in found]


def read_quoted(section: str) -> list[str]:
    """Return the lines of output that a section quotes."""
    (text,) = re.findall(r"^```\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [line.strip() for line in text.splitlines() if line != "..."]


def run_lines(lines: list[Line], place: Project) -> list[tuple[int, str]]:
    """Run lines in one shell, as a person does; return the status and the output of each."""
    script = "".join(f'{line.command}\necho "{MARK} $?"\n' for line in lines)
    done = subprocess.run(
        ["sh"],
        input=script,
        cwd=place.directory,
        env=place.env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=1800,
    )
    parts = re.split(rf"^{MARK} (\d+)\n", done.stdout, flags=re.MULTILINE)
    return [(int(status), text) for text, status in zip(parts[::2], parts[1::2], strict=False)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("    pytest -x    # red\n", Line(command="pytest -x", said="red")),
        ("    sed 's/#/ /' a\n", Line(command="sed 's/#/ /' a", said="")),
    ],
)
def test_lines_are_read_with_what_is_said_of_them(text: str, expected: Line) -> None:
    assert read_lines(f"Text.\n\n{text}\n```\n    quoted\n```\n") == [expected]


def test_from_nothing_to_a_red_test_with_a_blamed_line_to_a_green_one(
    installed: Installed, tmp_path: Path
) -> None:
    section = read_section((CHECKOUT / "README.md").read_text(), SECTION)
    lines = read_lines(section)
    assert [line.said for line in lines if line.said] == ["green", "red", "green"]
    assert any(line.command.startswith("rustbed new ") for line in lines)

    # the reader's place for the repository is another one here
    here = [
        Line(command=line.command.replace("~/rustbed", f"'{CHECKOUT}'"), said=line.said) for line in lines
    ]
    done = run_lines(here, Project(installed=installed, directory=tmp_path))

    assert len(done) == len(lines)
    for line, (status, text) in zip(lines, done, strict=True):
        assert (line.command, status) == (line.command, STATUSES[line.said]), text
    (red,) = (text for line, (_, text) in zip(lines, done, strict=True) if line.said == "red")
    printed = [line.strip() for line in red.splitlines()]
    assert [line for line in read_quoted(section) if line not in printed] == []
