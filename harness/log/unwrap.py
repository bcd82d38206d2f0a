"""Removes prefixes of any shape and journals' formats that other programs put around the kernel's lines.

Prefixes are learned: if words that begin a line of the kernel stand in the middle of several
lines, the text before them has a common shape, and this shape is removed; so is what closes at the line's end
what the prefix opened. Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from rustbed.log.headline import begins_report
from rustbed.log.journal import CONSOLES, find_form, open_entries
from rustbed.log.record import is_known_prefix
from rustbed.log.sieve import Sieve

# beginnings of records of any kernel version: first words, and what follows them. A text is
# searched for each of the first words
_ANCHORS = {
    "Call ": ("Trace:", "trace:"),
    "---[ ": ("end ",),
    "------------[ cut": ("",),
    "BUG: ": (
        "unable to handle",
        "kernel NULL",
        "KASAN: ",
        "KFENCE: ",
        "KCSAN: ",
        "KMSAN: ",
        "workqueue lockup",
    ),
    "INFO: task ": ("",),
    **dict.fromkeys(("Modules linked in:", "Hardware name:", "Kernel panic - not syncing"), ("",)),
    **dict.fromkeys(("Internal error: ", "Unable to handle kernel", "RIP: 0010:", "pc : "), ("",)),
    **dict.fromkeys(("WARNING: CPU: ", "unreferenced object 0x", "kmemleak: ", "Linux version "), ("",)),
    **dict.fromkeys(("rust_kernel: panicked at", "UBSAN: ", "rcu: INFO: "), ("",)),
}
# most characters of a prefix, and most shapes that are known at a time
_LONGEST, _MOST = 240, 16
# number of lines around an anchor that are compared, and how many of them must have its prefix
_AROUND, _ENOUGH = 6, 3
# prefixes of programs and drivers that quote reports; and the kernel's own words before others
_FOREIGN = re.compile(
    r"(?:.*\s)?(?!kernel\[)[\w.@/-]+\[\d+\]: ?$|.*\d.*\s(?!kernel:)[\w.@/-]+: ?$"
    r"|.*printk messages dropped|.*\[ end "
    # a string in what a program wrote to the console
    r"|.*\[ *\d{1,12}\.\d{6}\].*[\"']$"
    # riscv prints "epc :", and a stack's words come before a trace
    r"|(?:.*\])? *(?:e|[\da-f ]{0,160}[\da-f])$"
    # logcat -b all
    r"|\d\d-\d\d [\d:.]+ +\d+ +\d+ [VDIWEF] [^\s:][^:]*: ?$"
)
# of these, a syslog's prefixes of programs that run a machine or read its console
_CONSOLE = re.compile(
    r".*\d\d:\d\d:\d\d\S* (?:[\w.-]{1,64} )?[\w.@/-]*(?i:qemu|kvm|virt|vmm|crosvm|firecracker|hypervisor"
    r"|nspawn|console|conmux|conserver|serial|uart|tty|minicom|picocom|ser2net|labgrid|lava|ipmi)"
    r"[\w.@/-]*(?:\[\d+\])?: ?$"
)
# blanks of all kinds are one token: adjacent repeats would be tried in all combinations
_LEVELS = r"(?i:emerg|alert|crit|err(?:or)?|warn(?:ing)?|notice|info|debug)"
# levels differ from line to line, and are padded to columns
_LEVEL = rf"(?<![A-Za-z]){_LEVELS}(?![A-Za-z])[^\S\n]*+"
# streams differ, too: those of programs, and GitLab's in front of each line
_STREAM = r"(?<![A-Za-z])std(?:out|err)(?![A-Za-z])"
_NUMBERED = r"(?<= )\d\d[OE]\+?(?= )"
_TOKEN = re.compile(
    rf"{_LEVEL}|{_STREAM}|{_NUMBERED}|\[[^\]\n]*\]|\([^)\n]*\)|<[^>\n]*>|\d+|[^\S\n]+|.", re.DOTALL
)
# signs and elements that a prefix opens and the end of a line closes
_PAIRS = {"{": "}", "[": "]", "(": ")", '"': '"', "'": "'", "`": "`"}
_OPENED = re.compile(r"</?(?P<element>[a-z]\w*)[^>\n]*>|[][{}()\"'`]")
# a line of a table that programs draw
_COLUMN = re.compile(r"\s*(?P<sign>[|│┃])")
# the usual prefix of a message
_USUAL = re.compile(r"\[ *\d{1,12}\.\d{6}\](?:\[ *[TC]\d{1,10}\])? ")
# the same without numbers
_DIGITS = {ord(digit): None for digit in "0123456789"}
_WORDS = tuple(anchor.translate(_DIGITS) for anchor in _ANCHORS)
_USUAL_WORDS = re.compile(
    r"(?:(?:[A-Z][a-z]{2} {2}::|--T::\S{0,16}) (?:[\w.-]{1,64} )?kernel: )?(?:\[ *\.\](?:\[ *[TC]\])? )?"
)
_WORD = re.compile(r"(?<![^\s\])>|:])[A-Za-z]")
# a text's only line has a listener's prefix if it begins with a clock or a sign; words may be the kernel's
_ALONE = re.compile(r"\s*(?:[^\n]{0,240}?\d\d?:\d\d|[^\w\s])")
# the kernel's own part of a prefix, which stays: level, time, caller
_KEPT = re.compile(r"(?:<\d{1,6}>)?\[ *(?P<time>\d{1,12}\.\d{3,6})\b[^\]]*\](?P<caller>\[ *[TC]\d{1,10}\])?")
# a long message in netconsole's extended format (Documentation/networking/netconsole.rst): parts with one
# beginning, each a datagram, which a listener may end with a newline or not
_FRAGMENTS = re.compile(
    r"^(?P<head>[^;\n]{8,160}?,ncfrag=)0/\d{1,6};[^\n]*(?:\n(?P=head)[1-9][^\n]*)*", re.MULTILINE
)


class Unwrapper:
    """Returns text as the kernel printed it; learns prefixes from the text that it reads."""

    def __init__(self) -> None:
        # shapes of prefixes, as regular expressions
        self._shapes: list[str] = []
        self._pattern: re.Pattern[str] | None = None
        # lines whose end closes what their prefix opened
        self._closed: list[re.Pattern[str]] = []
        # a journal's format, "" for other logs; None before anything was read
        self._form: str | None = None
        # the lines that may teach, and whether the last part that was checked has any
        self._sieve = Sieve(_may_teach)
        self._checked = ("", False)

    def learn(self, *parts: str) -> None:
        """Look for prefixes in whole lines of a log, given as one or several texts."""
        if self._form or len(self._shapes) >= _MOST or not self._may_learn(parts):
            return
        seen: Counter[str] = Counter()
        text = "".join(parts)
        for start, prefix in _prefixes(text):
            shape = _shape(prefix)
            seen[shape] += 1
            if shape in self._shapes or _has_own_words(text, start, prefix):
                continue
            if seen[shape] > 1 or _is_common(shape, text, start):
                self._shapes.append(shape)
                if end := _closing(prefix):
                    line = rf"^(?P<line>{shape}[^\n]*?){end}(?=\r?$)"
                    self._closed.append(re.compile(line, re.MULTILINE))
                self._pattern = re.compile(f"^(?:{'|'.join(self._shapes)})", re.MULTILINE)

    def _may_learn(self, parts: Sequence[str]) -> bool:
        """Whether parts of a log may have an unknown prefix; the last one comes again, before the next."""
        known, may = self._checked
        answers = [may if part is known else bool(self._sieve.telling(part)) for part in parts]
        self._checked = (parts[-1], answers[-1])
        return any(answers)

    @property
    def is_journal(self) -> bool:
        """Whether the log is a journal; in these, every boot counts as ended in order."""
        return bool(self._form) and self._form not in CONSOLES

    def open_journal(self, text: str) -> str:
        """Return the text with the messages of a journal's entries; the number of lines stays."""
        if self._form is None:
            self._form = find_form(text)
        # one letter is found much faster than a word
        if ";" in text and "ncfrag=" in text:
            text = _FRAGMENTS.sub(_joined, text)
        return open_entries(self._form, text) if self._form else text

    def strip(self, text: str) -> str:
        """Return the text without other programs' prefixes; the number of lines stays."""
        for line in self._closed:
            text = line.sub(r"\g<line>", text)
        return self._pattern.sub(_keep_own, text) if self._pattern else text


def _may_teach(lines: str) -> bool:
    """Whether one of some lines without numbers may have an unknown prefix."""
    for anchor in _WORDS:
        at = lines.find(anchor)
        while at >= 0:
            start = lines.rfind("\n", 0, at) + 1
            if at > start and not _USUAL_WORDS.fullmatch(lines, start, at):
                return True
            at = lines.find(anchor, at + len(anchor))
    return False


def _prefixes(text: str) -> Sequence[tuple[int, str]]:
    """Return each unknown prefix of a kernel line, and the index of that line's beginning."""
    found = []
    for anchor, ends in _ANCHORS.items():
        at = text.find(anchor)
        while at >= 0:
            behind = at + len(anchor)
            start = text.rfind("\n", 0, at) + 1
            is_one = 0 < at - start <= _LONGEST and text.startswith(ends, behind)
            if is_one and not _USUAL.fullmatch(text, start, at):
                prefix = text[start:at]
                is_foreign = _FOREIGN.match(prefix) and not _CONSOLE.match(prefix)
                if not is_foreign and not is_known_prefix(prefix):
                    found.append((start, prefix))
            at = text.find(anchor, behind)
    return found


def _shape(prefix: str) -> str:
    """Return a regular expression for prefixes like this one: numbers and text in brackets may differ."""
    if prefix.isspace():
        return re.escape(prefix)
    tokens = _TOKEN.findall(prefix)
    return "".join(
        _token(token, is_first=index == 0, is_last=index == len(tokens) - 1)
        for index, token in enumerate(tokens)
    )


def _token(token: str, *, is_first: bool, is_last: bool) -> str:
    if token.isspace():
        # stacks are indented: the text directly before the message must be equal
        exact = f"(?:{re.escape(token)}|$)"
        return exact if is_last else r"[^\S\n]*+" if is_first else r"[^\S\n]++"
    if token.isdecimal():
        return r"\d++"
    if token[0].isalpha() and len(token) > 1:
        return _STREAM if token.startswith("std") else _LEVEL
    if token[0].isdecimal():
        return r"\d\d[OE]\+?"
    if len(token) > 1:
        opening, closing = re.escape(token[0]), re.escape(token[-1])
        return rf"{opening}[^{closing}\n]{{0,{_LONGEST}}}{closing}"
    return re.escape(token)


def _closing(prefix: str) -> str:
    """Return what closes the quotes, brackets, elements of HTML and columns that a prefix opens.

    This is a regular expression, "" if the prefix opens nothing.
    """
    if column := _COLUMN.match(prefix):
        return rf"(?<![^\S\n])[^\S\n]*+{re.escape(column['sign'])}"
    ends: list[str] = []
    for sign in _OPENED.finditer(prefix):
        end = f"</{sign['element']}>" if sign["element"] else _PAIRS.get(sign[0], "")
        if ends and ends[-1] == sign[0]:
            ends.pop()
        elif end and not sign[0].startswith("</"):
            ends.append(end)
    # an object's text may have its newline, and empty columns follow the last one; long runs are tried once
    return rf"(?<!\\[rn])(?:\\[rn])*{re.escape(''.join(reversed(ends)))},*" if ends else ""


def _is_common(shape: str, text: str, start: int) -> bool:
    """Whether the lines around a line have the same prefix."""
    first = last = start
    for _ in range(_AROUND):
        first = text.rfind("\n", 0, max(first - 1, 0)) + 1
        end = text.find("\n", last)
        last = end + 1 if end >= 0 else len(text)
    around = [line for line in text[first:last].split("\n") if line]
    if len(around) == 1:
        # there is no other line to compare with
        return _ALONE.search(text[first:last]) is not None
    alike = sum(re.match(shape, line) is not None for line in around)
    return alike >= min(_ENOUGH, len(around)) and alike * 2 > len(around)


def _has_own_words(text: str, start: int, prefix: str) -> bool:
    """Whether a headline begins within a prefix, as "CPU 0 Unable to handle kernel" does."""
    line = text[start : text.find("\n", start) + 1 or len(text)]
    return any(begins_report(line, word.start()) for word in _WORD.finditer(prefix))


def _joined(message: re.Match[str]) -> str:
    """Join the parts of a message on its first line; empty lines keep the number of lines."""
    _, first, *others = message[0].replace("\n", "").split(message["head"])
    rest = "".join(part.partition(";")[2] for part in others)
    return f"{message['head']}{first}{rest}" + "\n" * message[0].count("\n")


def _keep_own(prefix: re.Match[str]) -> str:
    own = _KEPT.search(prefix[0])
    if own is None:
        return ""
    level = own[0].partition("[")[0]
    return f"{level}[{own['time']}]{own['caller'] or ''} "
