"""Logs in which each message is a field of an entry.

These are journalctl's formats for programs, dmesg's JSON, rsyslogd's RSYSLOG_DebugFormat, and the objects
that containers and LAVA make of a console's lines. The number of lines stays; lines that
are not messages of the kernel are empty. Pure.
"""

from __future__ import annotations

import json
import re

# what other programs put before an object: clocks and names, but not the kernel's time
_BEFORE = r"(?!\[ *\d{1,12}\.\d{6}\])[^\n{}\"]{0,120}"
_JSON_LINE = re.compile(rf"^{_BEFORE}(?=\{{)", re.MULTILINE)
# keys with a line of a console: Docker's json-file, LAVA, collectors of logs (Elastic, Vector,
# CloudWatch), Google Cloud
_MESSAGES = ("log", "msg", "message", "textPayload")
_SAID = rf'"(?:{"|".join(_MESSAGES)})" ?: ?"'
_OBJECT = re.compile(rf"^{_BEFORE}\{{.*{_SAID}.*\}}\r?$", re.MULTILINE)
# in objects of other programs: messages that begin with the kernel's time
_OF_A_CONSOLE = re.compile(
    rf'\{{.*(?:"(?:stream|lvl)" ?: ?"|{_SAID}(?:<\d{{1,3}}>)?\[ *\d{{1,12}}\.\d{{6}}\])'
)
# without a time: lines that only a kernel's report has, of which several different ones are needed
_OF_A_REPORT = re.compile(
    rf"{_SAID}(?P<line>(?:CPU: \d{{1,5}} |Call [Tt]race:|Modules linked in:|Hardware name: |Backtrace: ?\""
    r"|---\[ end |-+\[ cut here|RIP: |pc : |BUG: |WARNING: |Kernel panic|Code: |rust_kernel: ))"
)
_ENOUGH = 2
# LAVA's names for output of the machine under test; other lines are its own
_OF_TARGETS = frozenset({"target", "feedback"})
# forms that are consoles except for the objects around their lines
CONSOLES = frozenset({"objects"})
_PRETTY = re.compile(r'\s*"(?:MESSAGE|msg)" ?: (?P<text>".*"),?$')
_EXPORTED = re.compile(r"^__CURSOR=", re.MULTILINE)
# journalctl -o verbose: a date and a cursor, fields and further lines of them below
_VERBOSE = re.compile(r"^\S[^\n]* \[s=[0-9a-f]+;i=[0-9a-f]+;b=[^\n\]]*\]$", re.MULTILINE)
_DEBUG = re.compile(r"^Debug line with all properties:$", re.MULTILINE)
_PROGRAM = re.compile(r"^syslogtag '[^'\n]*', programname: '(?!kernel')", re.MULTILINE)
_ENTRIES = {
    "rsyslog": re.compile(r"(?<=\n)(?=Debug line with)"),
    "export": re.compile(r"(?<=\n)(?=\n)"),
    "verbose": re.compile(r"(?<=\n)(?=\S)"),
}
# a field, or the name of one that has several lines
_FIELD = re.compile(r" *(?P<name>[A-Z_][A-Z0-9_]*)(?:=(?P<text>.*)|$)", re.DOTALL)


def find_form(text: str) -> str:
    """Return the form that the first part of a log has, "" if its lines are messages."""
    is_json = '"MESSAGE"' in text and (_JSON_LINE.search(text) or '"__CURSOR"' in text)
    if is_json or ('"dmesg"' in text and '"msg"' in text):
        return "json"
    if _OBJECT.search(text) and (_OF_A_CONSOLE.search(text) or _is_of_kernel(text)):
        return "objects"
    if _DEBUG.search(text):
        return "rsyslog"
    if _EXPORTED.search(text):
        return "export"
    return "verbose" if _VERBOSE.search(text) else ""


def _is_of_kernel(text: str) -> bool:
    """Whether objects have lines of a kernel's report: programs have one of them in a message at most."""
    return len({found["line"] for found in _OF_A_REPORT.finditer(text)}) >= _ENOUGH


def open_entries(form: str, text: str) -> str:
    """Return a text of a form with each entry as a message, or a line of one; the number of lines stays."""
    if form in ("json", "objects"):
        read = _from_json if form == "json" else _from_object
        return "\n".join(map(read, text.split("\n")))
    if form == "rsyslog":
        return "".join(map(_from_debug, _ENTRIES[form].split(text)))
    return "".join(map(_from_fields, _ENTRIES[form].split(text)))


def _from_json(line: str) -> str:
    """Return the message of an entry as the kernel printed it, "" for other entries and lines."""
    if pretty := _PRETTY.match(line):
        return _message(_load(pretty["text"]), "")
    start = _JSON_LINE.match(line)
    entry = _load(line[start.end() :]) if start else None
    if not isinstance(entry, dict) or entry.get("_TRANSPORT", "kernel") != "kernel":
        return ""
    micros = str(entry.get("_SOURCE_MONOTONIC_TIMESTAMP", ""))
    return _message(entry.get("MESSAGE"), micros[-18:] if micros.isdecimal() else "")


def _from_object(line: str) -> str:
    """Return the console's line in an object, "" for other output; a line that is not an object unchanged."""
    start = _JSON_LINE.match(line)
    entry = _load(line[start.end() :]) if start else None
    if not isinstance(entry, dict):
        return line
    message = next((entry[name] for name in _MESSAGES if name in entry), None)
    if entry.get("lvl", "target") not in _OF_TARGETS or not isinstance(message, str):
        return ""
    return _message(message.rstrip("\r\n"), "")


def _from_debug(entry: str) -> str:
    """Return the message of an entry in all its properties, "" for a program's."""
    if _PROGRAM.search(entry):
        return "\n" * entry.count("\n")
    # a blank belongs to the tag before the message
    said = (
        line.strip("\r")[6:-1].removeprefix(" ") if line.startswith("msg: '") else ""
        for line in entry.split("\n")
    )
    return "\n".join(_message(text.replace("#012", "\n"), "") for text in said)


def _load(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _message(message: object, micros: str) -> str:
    """Return a message on one line; journalctl gives what is not text as a list of bytes."""
    if isinstance(message, list):
        numbers = [number for number in message if isinstance(number, int) and 0 <= number < 256]
        message = bytes(numbers).decode(errors="replace")
    text = message.strip("\n") if isinstance(message, str) else ""
    if "\n" in text:
        # several lines are written as a record of /dev/kmsg, which has escapes for them
        text = text.replace("\\", r"\x5c").replace("\n", r"\x0a")
        return f"6,0,{micros or 0},-;{text}"
    return (f"[{int(micros) / 1e6:.6f}] " if micros else "") + text


def _from_fields(entry: str) -> str:
    """Return the message of an entry of fields, "" if the entry is not the kernel's."""
    if "_TRANSPORT=" in entry and "_TRANSPORT=kernel\n" not in entry:
        return "\n" * entry.count("\n")
    said, is_message = [], False
    for line in entry.split("\n"):
        field = _FIELD.match(line)
        is_message = field["name"] == "MESSAGE" if field else is_message
        text = (field["text"] or "") if field else line.strip()
        said.append(text if is_message else "")
    return "\n".join(said)
