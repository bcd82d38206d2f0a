"""Logs with things before each line that nobody has listed."""

from __future__ import annotations

import json

import pytest
from tests.unit.log.examples import BOOTS, LOGS, essence, read_blocks

from rustbed.log.explain import read_log, read_spans
from rustbed.log.record import Record, parse_console
from rustbed.log.splat import Splat, find_splats
from rustbed.log.unwrap import Unwrapper

NAMES = ["kasan", "null_x86", "paging_arm64", "rust_panic_x86", "warning_x86", "lockdep_circular"]
# what stands before a line without a kernel's time; {n} counts lines
BARE = {
    "a locale's month": "Juni {n:2} 07:08:09 gondor kernel: ",
    "a month of another script": "июн {n:2} 07:08:09 gondor kernel: ",
    "a month behind the day": " {n} févr. 07:08:09 gondor kernel: ",
    "a month as a number": "7月 {n:2} 07:08:09 gondor kernel: ",
    "short-precise": "Jun 12 07:08:09.{n:06} gondor kernel: ",
    "a week day": "[Do Jun 12 07:08:{n:02} 2025] ",
    "dmesg --reltime": "[  +0.{n:06}] ",
    "a clock in brackets": "[07:08:{n:02}] ",
    "a date in brackets": "[2025-06-12 07:08:{n:02}] ",
    "grabserial": "[{n}.104512 0.000071] ",
    "a runner's date": "2025-06-12T07:08:09.{n:06} ",
    "a runner's date and blanks": "2025-06-12T07:08:09.{n:06}  ",
    "an indentation": "    ",
    "a tab": "\t",
    "a quotation": "> ",
    "a quotation of a quotation": "> > ",
    "a bar": " | ",
    "a comment": "# ",
    "logcat": "06-12 07:08:09.{n:03}     0     0 W ",
    "docker": "toybox-1  | ",
    "logcat -v brief": "E/KERNEL  (    0): ",
    "a test lab's target": "target 07:08:{n:02} ",
    "crash's log -T": "[Thu Jun 12 07:08:{n:02} CST 2025] ",
}
# what stands before the kernel's own time, or behind it
TIMED = {
    "a counter and a level": "{n:5} 07:08:09.{n:06}  <4>{stamp} ",
    "a processor and a task": "{stamp} ({n})[77:toy.daemon/{n}]",
    "a vendor's field": "{stamp} [{n}:  toyd/{n}:    7] ",
    "a caller of another form": "{stamp}[T{n}@C1] ",
    "dmesg -d": "[    7.{n:06} <    0.000012>] ",
    "a quotation": "> {stamp} ",
    "pstore": "<4>{stamp} ",
    "crash's log -m": "{stamp} <4>",
    "netconsole with a release": "7.3.4,4,{n},70000{n:02},-;",
}


PREFIXES = {**BARE, **{f"{form}, timed": prefix for form, prefix in TIMED.items()}}


def texts(name: str) -> list[str]:
    return [line for record in LOGS[name] for line in record.text.split("\n")]


def wrap(lines: list[str], prefix: str) -> str:
    stamps = (f"[    7.{number:06}]" for number in range(len(lines)))
    return "".join(
        (prefix.format(n=number % 60, stamp=stamp) + line).rstrip() + "\n"
        for (number, line), stamp in zip(enumerate(lines), stamps, strict=True)
    )


def wanted(name: str) -> list[tuple[object, ...]]:
    return [essence(splat) for splat in find_splats(parse_console("\n".join(texts(name))))]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
def test_prefix_is_learned_from_the_report(name: str, prefix: str) -> None:
    text = wrap(["toy: ready", "toy: goes on", *texts(name), "toy: went on"], prefix)
    assert [essence(splat) for splat in read_blocks([text])] == wanted(name)


def test_prefix_is_known_from_the_first_line_on_wherever_blocks_end() -> None:
    text = wrap(["toy: ready", *texts("kasan")], BARE["a clock in brackets"])
    lines = text.splitlines(keepends=True)
    for cut in range(2, len(lines)):
        found = read_blocks(["".join(lines[:cut]), "".join(lines[cut:])])
        assert [essence(splat) for splat in found] == wanted("kasan"), cut


def test_records_of_a_report_are_without_the_prefix() -> None:
    text, unwrapper = wrap(texts("kasan"), TIMED["a counter and a level"]), Unwrapper()
    records, _ = read_spans([text], read_log([text], unwrapper).splats, unwrapper)
    assert [record.text for record in records] == texts("kasan")[: len(records)]
    assert (records[1].level, records[1].time_us) == (4, 7_000_001)


@pytest.mark.parametrize(
    "text",
    [
        # programs that quote what a kernel said
        "".join(f"Jun 12 07:08:09 gondor abrtd[77]: {line}\n" for line in texts("warning_x86")),
        "[    1.000000] toysh: BUG: unable to handle page fault\n[    2.000000] toysh: all is well\n" * 3,
        "toy 1-1: Hardware name: odd\n[    2.000000] toy: BUG: KASAN: is off\n",
    ],
)
def test_words_of_others_are_not_the_kernels(text: str) -> None:
    assert read_blocks([text]) == ()


@pytest.mark.parametrize("origin", BOOTS)
def test_ordinary_log_teaches_nothing(origin: str) -> None:
    unwrapper, text = Unwrapper(), "\n".join(record.text for record in BOOTS[origin])
    unwrapper.learn(text)
    assert unwrapper.strip(text) == text


# -- journals --------------------------------------------------------------------


def entry(record: Record) -> dict[str, object]:
    return {
        "MESSAGE": record.text,
        "_TRANSPORT": "kernel",
        "_SOURCE_MONOTONIC_TIMESTAMP": "7000001",
        "__CURSOR": "s=1",
    }


def journal(lines: list[str]) -> list[Splat]:
    return list(read_blocks(["\n".join(lines) + "\n"]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("before", ["", "data: ", "\x1e"])
def test_journal_in_json_is_read(name: str, before: str) -> None:
    records = parse_console("\n".join(texts(name)))
    found = journal([before + json.dumps(entry(record)) for record in records])
    assert [essence(splat) for splat in found] == wanted(name)


def test_message_of_a_journal_may_be_bytes() -> None:
    text = "BUG: KASAN: use-after-free in toy_open+0x1/0x2 \ufffd"
    assert (
        journal([json.dumps({"MESSAGE": list(text.encode()), "__CURSOR": "s=1"})])[0].function == "toy_open"
    )


def test_journal_in_pretty_json_and_in_export_format_is_read() -> None:
    lines = [text for text in texts("kasan") if text]
    pretty = [
        part
        for line in lines
        for part in ("{", f'\t"MESSAGE" : {json.dumps(line)},', '\t"__CURSOR" : "s=1"', "}")
    ]
    export = [part for line in lines for part in ("__CURSOR=s=1", "_TRANSPORT=kernel", f"MESSAGE={line}", "")]
    for form in (pretty, export):
        assert [splat.title for splat in journal(form)] == ["KASAN: slab-use-after-free Read in toy_poll"]


def test_what_programs_say_in_a_journal_is_not_the_kernels() -> None:
    said = {
        "MESSAGE": "BUG: KASAN: use-after-free in toy_open+0x1/0x2",
        "_TRANSPORT": "stdout",
        "__CURSOR": "s=1",
    }
    assert journal([json.dumps(said)]) == []


@pytest.mark.parametrize(
    "line", ['{"MESSAGE": ', '{"MESSAGE": [1, "a", 300]}', '{"MESSAGE": {}, "__CURSOR": ""}', "[" * 9000]
)
def test_broken_entries_say_nothing(line: str) -> None:
    assert journal(['{"__CURSOR": "s=1", "MESSAGE": ""}', line]) == []


# -- several boots in one file ---------------------------------------------------


def test_boots_that_a_logger_wrote_down_are_no_reboot() -> None:
    text = "".join(
        f"Jun 12 07:08:09 gondor kernel: [    0.000000] {record.text}\n" for record in BOOTS["arm64"]
    )
    assert read_blocks([text * 2]) == ()
    entries = [json.dumps(entry(record)) for record in BOOTS["arm64"]]
    assert journal(entries * 2) == []


def test_line_with_many_tabs_is_compared_once() -> None:
    """Repeats of one tab each would be tried in all ways on a line that almost has the prefix."""
    prefix = "ttyUSB0" + "\t" * 40 + "|"
    unwrapper = Unwrapper()
    unwrapper.learn(f"{prefix}Call Trace:\n{prefix}Modules linked in:\n")
    almost = "ttyUSB0" + "\t" * 80 + "x\n"
    assert unwrapper.strip(f"{prefix}Call Trace:\n{almost}") == f"Call Trace:\n{almost}"


_PARTS = (
    ("{0}4,1000,12100000,-;Oops: Oops: 0000 [#1] SMP",),
    (
        "{0}4,1001,12100013,-,ncfrag=0/35;RIP: 0010:to",
        "{0}4,1001,12100013,-,ncfrag=13/35;y_poll+0x1a/",
        "{0}4,1001,12100013,-,ncfrag=27/35;0x40 [toy]",
    ),
    ("{0}4,1002,12100026,-,caller=T92;Call Trace:",),
    (
        "{0}4,1003,12100039,-,caller=T92,ncfrag=0/26; toy_read+",
        "{0}4,1003,12100039,-,caller=T92,ncfrag=10/26;0x2e/0x60 [toy]",
    ),
)


@pytest.mark.parametrize("between", ["", "\n"], ids=["datagrams", "lines"])
@pytest.mark.parametrize("release", ["", "7.3.4,", "6.1.0-56-amd64,"])
def test_parts_of_a_netconsole_message_are_put_together(between: str, release: str) -> None:
    text = "".join(between.join(parts) + "\n" for parts in _PARTS).format(release)
    opened = Unwrapper().open_journal(text)
    assert opened.count("\n") == text.count("\n")
    assert "RIP: 0010:toy_poll+0x1a/0x40 [toy]\n" in opened
    assert "; toy_read+0x2e/0x60 [toy]\n" in opened
    (splat,) = read_blocks([text])
    assert (splat.title, splat.function) == ("Oops in toy_poll", "toy_poll")


# headlines in which words that begin others' headlines stand behind words of their own
OWN_WORDS = [
    "CPU 0 Unable to handle kernel paging request at virtual address 00000008, era == 9000, ra == 9000",
    "BUG: Unable to handle kernel data access at 0xbadc0de",
    "Internal error: UBSAN: array index out of bounds: 00000000f2005512 [#1]  SMP",
]


@pytest.mark.parametrize("headline", OWN_WORDS)
@pytest.mark.parametrize("prefix", ["", "[07:08:09] ", "toybox-1  | "])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_words_of_a_headline_are_no_prefix(headline: str, prefix: str, times: int) -> None:
    block = [
        "toy: ready",
        headline,
        "CPU: 0 UID: 0 PID: 1 Comm: init Not tainted 7.3.4 #1",
        "Hardware name: toy",
    ]
    wanted = find_splats(parse_console("\n".join(block * times)))
    found = read_blocks(["".join(f"{prefix}{line}\n" for line in block * times)])
    assert [essence(splat) for splat in found] == [essence(splat) for splat in wanted]


@pytest.mark.parametrize("headline", OWN_WORDS)
def test_words_of_a_lone_headline_are_no_prefix(headline: str) -> None:
    assert [essence(splat) for splat in read_blocks([headline])] == [
        essence(splat) for splat in find_splats(parse_console(headline))
    ]
