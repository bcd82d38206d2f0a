"""`explain` as others call it: from a hook of theirs, in a program that reads JSON, in a job on GitHub."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from rustbed import Splat, UsageError, explain
from rustbed.cli.main import main
from rustbed.log.objects import SCHEMA

ROOT = Path(__file__).parent.parent.parent
LOG = """\
[    6.900000] toy: ready
[    7.000000] WARNING: CPU: 0 PID: 7 at drivers/toy/a.c:12 toy_open+0x1/0x20 [toy]
[    7.000000] Call Trace:
[    7.000000]  toy_open+0x1/0x20 [toy]
[    7.000000]  misc_open+0x1/0x20
"""
PLACE = "drivers/toy/a.c:12 "
HANG = """\
== console.log
[    1.000000] toy: ready
== one task stuck
insmod sleeps
"""


def titles(splats: tuple[Splat, ...]) -> list[tuple[str, int]]:
    return [(splat.title, splat.first) for splat in splats]


def test_text_bytes_and_paths_are_logs(tmp_path: Path) -> None:
    path, packed = tmp_path / "console.log", tmp_path / "console.log.gz"
    path.write_text(LOG)
    packed.write_bytes(gzip.compress(LOG.encode()))
    for log in (LOG, LOG.encode(), LOG.encode("utf-16"), path, packed, packed.read_bytes()):
        assert titles(explain(log)) == [("WARNING in toy_open", 1)]


def test_place_in_source_is_told_without_debug_information() -> None:
    (splat,) = explain(LOG)
    assert (splat.file, splat.line) == ("drivers/toy/a.c", 12)


def test_a_clean_log_has_no_splats() -> None:
    assert explain("[    6.900000] toy: ready\n") == ()


def test_an_empty_log_is_not_a_clean_one() -> None:
    assert titles(explain("")) == [("silence from the first line on", 0)]


def test_a_machine_that_did_not_answer_is_told_as_the_command_does() -> None:
    assert titles(explain(HANG)) == [("one task stuck: insmod sleeps", 3)]


@pytest.mark.parametrize(
    "log",
    [
        b"\x7fELF" + bytes(range(256)),
        bytes(range(1, 32)) * 100,
        gzip.compress(LOG.encode() * 50)[:-20],
        b"\x1f\x8b\x08\x00" + b"\0" * 6 + zlib.compress(LOG.encode()),
        b"BZh9" + b"?" * 50,
        b"PK\x03\x04" + b"?" * 50,
    ],
)
def test_what_cannot_be_read_is_an_error_and_not_a_clean_log(log: bytes) -> None:
    with pytest.raises(UsageError):
        explain(log)


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        explain(tmp_path / "console.log")


def test_the_name_of_a_file_is_not_read_as_a_clean_log(tmp_path: Path) -> None:
    (tmp_path / "console.log").write_text(LOG)
    with pytest.raises(UsageError, match=r"is the name of a file.*\n.*explain\(Path\("):
        explain(str(tmp_path / "console.log"))


def test_a_hook_imports_no_package_of_others() -> None:
    """A pre-commit hook has this package and Python, and nothing else."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from rustbed import explain\n"
        "assert [splat.function for splat in explain(sys.argv[2])] == ['toy_open']\n"
        "own = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*sorted(own - set(sys.stdlib_module_names) - {'rustbed', '__main__'}))"
    )
    argv = [sys.executable, "-I", "-S", "-c", program, str(ROOT / "src"), LOG]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=600)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    main(["explain", *words])
    return capsys.readouterr().out


def test_json_is_as_its_schema_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads((ROOT / "docs" / "explain.schema.json").read_text())
    for name, text in {"a.log": LOG, "b.log": "", "c.log": LOG.replace(PLACE, "")}.items():
        (tmp_path / name).write_text(text)
    found = json.loads(printed(capsys, str(tmp_path), "--json"))
    assert {splat["log"].rpartition("/")[2] for splat in found} == {"a.log", "b.log", "c.log"}
    # a reader may meet more in another version; what this one prints is all described
    closed = schema | {"items": schema["items"] | {"additionalProperties": False}}
    Draft202012Validator.check_schema(closed)
    validator = Draft202012Validator(closed)
    validator.validate(found)
    assert schema["items"]["properties"]["schema"] == {"type": "integer", "const": SCHEMA}
    # it rejects what is not as it says
    for broken in (
        {"line": "12"},
        {"kind": "strange"},
        {"schema": SCHEMA + 1},
        {"first_line": 0},
        {"more": 1},
    ):
        assert not validator.is_valid([found[0] | broken])


def test_github_gets_a_line_of_the_source_or_of_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    placed, placeless = tmp_path / "a,b.log", tmp_path / "c.log"
    placed.write_text(LOG)
    placeless.write_text(LOG.replace(PLACE, ""))
    lines = printed(capsys, "--github", str(placed), str(placeless)).splitlines()
    assert lines == [
        f"::error file=drivers/toy/a.c,line=12,title=WARNING in toy_open::warning in {placed}, lines 2 to 5",
        f"::error file={placeless},line=2,title=WARNING in toy_open::warning in {placeless}, lines 2 to 5",
    ]
