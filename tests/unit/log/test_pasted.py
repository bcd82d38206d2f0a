"""Every golden log is read the same, whatever it was copied through."""

from __future__ import annotations

import base64
import html
import json
import quopri
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.log.examples import HERE, essence

from rustbed.errors import UsageError
from rustbed.explained import explain
from rustbed.log.pasted import undo_pasting
from rustbed.log.record import parse_console

TEXTS = {path.stem: path.read_text() for path in sorted((HERE / "splats").glob("*.log"))}
_STAMP = re.compile(r"^(?:\[ *\d+\.\d+\] ?)?(?:\[ *[TC]\d+\] )?")


def each(form: Callable[[int, str], str]) -> Callable[[str], str]:
    """Return what makes another line of each line of a text, by its number."""
    return lambda text: "".join(form(*line) + "\n" for line in enumerate(text.splitlines()))


def before(prefix: str, *, timed: bool = True) -> Callable[[str], str]:
    """Return what puts a prefix before each line, perhaps in the place of the kernel's time."""
    return each(lambda n, line: prefix.format(n=n % 60) + (line if timed else _STAMP.sub("", line)))


def coloured(escape: str) -> Callable[[str], str]:
    """Return what colours times and messages as `dmesg --color` does."""

    def colour(_: int, line: str) -> str:
        stamp = _STAMP.match(line)
        time = stamp[0] if stamp else ""
        return f"{escape}[32m{time}{escape}[0m{escape}[1;31m{line[len(time) :]}{escape}[0m"

    return each(colour)


def tagged(number: int, line: str) -> str:
    """Return a line as `logcat -b kernel` shows it, which takes a word before a colon for a tag."""
    message = _STAMP.sub("", line)
    found = re.match(r"([\w.-]+): (.+)", message)
    tag, text = found.groups() if found else ("", message)
    return f"11-29 07:08:{number % 60:02}.123     0     0 W {tag:<8}: {text}"


def table(text: str) -> str:
    """Return a table of times and messages, as spreadsheets and log servers export it."""
    rows = each(lambda n, line: '2026-11-29T07:08:09Z,"' + line.replace('"', '""') + '"')(text)
    return f"time,message\n{rows}"


def objects(key: str) -> Callable[[str], str]:
    """Return what makes an object of each line, as collectors of logs do."""
    return each(lambda n, line: json.dumps({"a": n, key: line, "z": "2026-11-29T07:08:09Z"}))


def progress(text: str) -> str:
    """Put what systemd shows on a console between the lines."""
    job = "[\x1b[0;1;31m*\x1b[0m\x1b[0;31m*    \x1b[0m] A start job is running for Toy (1s / 90s)\r"
    return each(lambda n, line: f"\x1b[K{line}\r\r" + (f"\n{job}" if n % 5 == 2 else ""))(text)


DEBUG = """\
Debug line with all properties:
FROMHOST: 'gondor', fromhost-ip: '127.0.0.1', HOSTNAME: 'gondor', PRI: 4,
syslogtag '{program}:', programname: '{program}', APP-NAME: '{program}', PROCID: '-', MSGID: '-',
TIMESTAMP: 'Nov 29 07:08:09', STRUCTURED-DATA: '-',
msg: ' {text}'
escaped msg: ' {text}'
inputname: imklog rawmsg: '<4>{text}'
$!:
$.:
$/:

"""


def debug(program: str) -> Callable[[str], str]:
    """Return what writes lines by rsyslogd's template RSYSLOG_DebugFormat."""
    return each(lambda _, line: DEBUG.format(program=program, text=line))


def lava(level: str) -> Callable[[str], str]:
    """Return what writes lines as LAVA's output.yaml has them."""
    return each(lambda _, line: "- " + json.dumps({"dt": "2026-11-29T07:08:09", "lvl": level, "msg": line}))


WAYS = {
    "a code block": lambda text: f"It says:\r\n```dmesg\r\n{text}```\r\nAny idea?\n".replace("\n", "\r\n"),
    "an indented block": before("    "),
    "a quotation": before("> "),
    "a quotation without a blank": before(">"),
    "a page": lambda text: f"<html><body><pre>\n{html.escape(text)}</pre></body></html>\n",
    "a quotation in a page": each(lambda _, line: "&gt; " + html.escape(line, quote=False)),
    "kubectl logs --timestamps": before("2026-11-29T07:08:{n:02}.123456789Z "),
    "kubectl logs --prefix": before("[pod/toy-7d9f/detector] "),
    "a container's file": each(lambda _, line: json.dumps({"log": line + "\n", "stream": "stdout"})),
    "cri": before("2026-11-29T07:08:{n:02}.123456789Z stdout F "),
    "virsh console": lambda text: f"Connected to domain toy\n{text}".replace("\n", "\r\n"),
    "systemd's progress": progress,
    "colours": coloured("\x1b"),
    "colours without ESC": coloured(""),
    "colours of cat -v": coloured("^["),
    "colours of a syslogd": coloured("#033"),
    "minicom": lambda text: text.replace("\n", "\r\r\n"),
    "minicom's times": before("[2026-11-29 07:08:{n:02}.123] "),
    "carriage returns alone": lambda text: "toy: ready\r" + text.replace("\n", "\r"),
    "carriage returns of cat -v": lambda text: text.replace("\n", "^M\n"),
    "a terminal's blanks": each(lambda _, line: line.ljust(120)),
    "a browser's blanks": lambda text: text.replace(" ", "\u00a0"),
    "characters without a width": lambda text: text.replace("\n", "\u200b\n"),
    "a syslog with years": before("2026 Nov 29 07:08:{n:02} gondor kernel: "),
    "a syslog with years behind": before("Nov 29 2026 07:08:{n:02} gondor kernel: "),
    "RFC 5424": before("<4>1 2026-11-29T07:08:{n:02}.123Z gondor kernel - - - "),
    "dmesg -T": before("[Sun Nov 29 07:08:{n:02} 2026] ", timed=False),
    "dmesg -x": before("kern  :alert : [   12.0000{n:02}] ", timed=False),
    "journalctl -o short-monotonic": before("[   12.0000{n:02}] gondor kernel: ", timed=False),
    "journalctl -o short-full": before("Sun 2026-11-29 07:08:{n:02} UTC gondor kernel: ", timed=False),
    "journalctl -o short-unix": before("17644000{n:02}.123456 gondor kernel: ", timed=False),
    "grep -n": before("console.log:{n}:"),
    "gh run view": before("build\tRun tests\t2026-11-29T07:08:{n:02}.1234567Z "),
    "RFC 5424 with data": before(
        "<4>1 2026-11-29T07:08:{n:02}.123Z gondor.example.org kernel - - "
        '[timeQuality tzKnown="1" isSynced="1"][meta sequenceId="{n}"] '
    ),
    "logcat -b kernel": each(tagged),
    "cat -A": each(lambda _, line: line + "$"),
    "cat -A of carriage returns": each(lambda _, line: line + "^M$"),
    "a table": table,
    "a collector's objects": objects("message"),
    "Google Cloud": objects("textPayload"),
    "a fold of Travis": lambda text: f"travis_fold:start:test\r\x1b[0K{text}travis_fold:end:test\r\x1b[0K\n",
    "RSYSLOG_DebugFormat": debug("kernel"),
    "LAVA": lava("target"),
}


def read(text: str, path: Path) -> list[tuple[object, ...]]:
    path.write_bytes(text.encode())
    return [essence(splat) for splat in explain(path)]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_log_that_was_copied_is_read_as_it_was(way: Callable[[str], str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert {name: read(way(text), log) for name, text in TEXTS.items()} == {
        name: read(text, log) for name, text in TEXTS.items()
    }


def untimed(text: str) -> str:
    return "".join(f"{line}\n" for record in parse_console(text) for line in record.text.split("\n"))


@pytest.mark.parametrize("key", ["message", "msg", "textPayload"])
def test_objects_without_a_kernels_time_are_read(key: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    # a report of one line could as well be a program's
    texts = {name: untimed(text) for name, text in TEXTS.items() if text.count("\n") > 2}
    assert {name: read(objects(key)(text), log) for name, text in texts.items()} == {
        name: read(text, log) for name, text in texts.items()
    }


def test_object_of_a_program_that_quotes_a_line_is_not_the_kernels(tmp_path: Path) -> None:
    said = ["toyd: started", "Hardware name: Toy", "toyd: ready", "BUG: in toyd"]
    text = "".join(
        json.dumps({"level": "info", "caption": line, "message": f"said: {line}"}) for line in said
    )
    assert read(text, tmp_path / "log") == []


@pytest.mark.parametrize("name", ["kasan", "lockdep_circular", "null_x86", "slub_tracked", "warning_s390"])
def test_mail_in_quoted_printable_is_read(name: str, tmp_path: Path) -> None:
    text = f"a mail from caf\u00e9=\n{TEXTS[name]}"
    assert read(quopri.encodestring(text.encode()).decode(), tmp_path / "log") == read(text, tmp_path / "log")


def test_rules_at_the_ends_of_lines_are_no_quoted_printable() -> None:
    text = f"root=3D\n{'=' * 76}\n{'=' * 66}\n{'x' * 80}=\nCPU: 0\n"
    assert undo_pasting(text) == text


@pytest.mark.parametrize(
    "data",
    [
        base64.encodebytes(b"BUG: kernel NULL pointer dereference" * 20),
        b"00000000  42 55 47 3a 20 6b 65 72  6e 65 6c 20 4e 55 4c 4c  |BUG: kernel NULL|\n" * 4,
    ],
)
def test_what_is_encoded_is_refused(data: bytes, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(data)
    with pytest.raises(UsageError, match="not a log"):
        explain(log)


@pytest.mark.parametrize(
    "way",
    [
        *(debug("abrtd"), lava("debug")),
        before("11-29 07:08:{n:02}.123  1234  1250 W toy     : ", timed=False),
    ],
)
def test_words_of_others_are_not_the_kernels(way: Callable[[str], str], tmp_path: Path) -> None:
    found = read(way(TEXTS["warning_x86"]), tmp_path / "log")
    # nothing is left: a log without a word
    assert [essence[0] for essence in found] in ([], ["silence"])


def test_restart_in_a_file_of_objects_is_one(tmp_path: Path) -> None:
    banner = "[    0.000000] Linux version 7.3.4 (toy@gondor) #1 SMP\n[    9.000000] toy: ready\n"
    found = read(WAYS["a container's file"](banner * 2), tmp_path / "log")
    assert [essence[0] for essence in found] == ["reboot"]


@pytest.mark.parametrize(
    "text",
    [
        "toy: a[0], b[m], 1 < 2 && 3 > 2, &toy->lock, x[1] = [2m\n",
        "\n\n",
        " toy_poll+0x1/0x2\n",
        # a line may end so, but not each
        'toy: a\ntoy: b\ntoy: "c"\ntoy: "d"\n',
    ],
)
def test_text_that_was_not_copied_stays(text: str) -> None:
    assert undo_pasting(text) == text


@pytest.mark.parametrize("text", ["x" * 200_000, "\r" * 200_000, "x\r" * 100_000, "\r\x1b[" * 50_000])
def test_long_line_with_a_control_sequence_is_looked_at_once(text: str) -> None:
    started = time.process_time()
    undo_pasting(f"\x1b[m{text}")
    assert time.process_time() - started < 2


def test_log_of_one_line_may_be_longer_than_a_name() -> None:
    assert [splat.title for splat in explain("Kernel panic - not syncing: " + "x" * 300)] == [
        "kernel panic: " + "x" * 300
    ]
