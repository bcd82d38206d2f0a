"""What holds of any sequence of records, whatever it says."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.log.examples import BOOTS, LATER, LOGS, WANTED, essence, moved

from rustbed.arch import ARCHES
from rustbed.log.record import Record, parse_console
from rustbed.log.splat import Kind, Reader, find_splats

LINES = st.sampled_from([record for records in LOGS.values() for record in records])
SHUFFLED = st.lists(LINES, max_size=80).map(tuple)
# logs that begin or end anywhere, one behind the other
PIECES = st.builds(
    lambda records, start, length: records[start : start + length],
    st.sampled_from(list(LOGS.values())),
    st.integers(0, 10),
    st.integers(0, 30),
)
TORN = st.lists(PIECES, max_size=5).map(lambda pieces: tuple(record for piece in pieces for record in piece))
GIBBERISH = st.builds(
    "".join,
    st.lists(
        st.one_of(
            st.text(max_size=8),
            st.sampled_from(
                (
                    *("BUG: ", "WARNING: ", "Oops", " [#1]", "KASAN: ", " in ", "+0x1/0x2", "RIP: 0010:"),
                    *("rust_kernel: panicked at ", "Kernel panic - not syncing: ", "_RNvC3toy1a", "]", "\n"),
                )
            ),
        ),
        max_size=8,
    ),
)


@given(st.lists(GIBBERISH, max_size=20))
def test_no_text_makes_it_raise(texts: list[str]) -> None:
    records = tuple(Record(seq=0, level=0, facility=0, time_us=0, text=text) for text in texts)
    assert len(find_splats(records)) <= len(records)


@given(st.one_of(SHUFFLED, TORN))
def test_spans_are_in_order_and_do_not_overlap(records: tuple[Record, ...]) -> None:
    end = -1
    for splat in find_splats(records):
        assert end < splat.first <= splat.last < len(records)
        end = splat.last


@given(st.one_of(SHUFFLED, TORN), st.sampled_from(["as it is", "", "T7"]))
def test_span_of_a_splat_reads_as_the_same_splat(records: tuple[Record, ...], caller: str) -> None:
    if caller != "as it is":
        records = tuple(replace(record, caller=caller) for record in records)
    for splat in find_splats(records):
        alone = find_splats(records[splat.first : splat.last + 1])
        assert alone == (moved(splat, -splat.first),)


def test_every_architecture_has_a_quiet_boot() -> None:
    assert sorted(BOOTS) == sorted(ARCHES)


@pytest.mark.parametrize("name", WANTED)
@pytest.mark.parametrize("origin", BOOTS)
def test_ordinary_lines_before_change_nothing(name: str, origin: str) -> None:
    boot = BOOTS[origin]
    found = find_splats((*boot, *LOGS[name]))
    assert found == tuple(moved(splat, len(boot)) for splat in find_splats(LOGS[name]))


@pytest.mark.parametrize("name", WANTED)
def test_ordinary_lines_behind_do_not_change_what_it_is(name: str) -> None:
    found = find_splats((*LOGS[name], *LATER["x86_64"]))
    assert [essence(splat) for splat in found] == [essence(splat) for splat in find_splats(LOGS[name])]


@pytest.mark.parametrize("name", WANTED)
def test_log_that_ends_early_still_has_the_splat(name: str) -> None:
    kind, title, _, _, (_, last) = WANTED[name]
    for length in range(last + 1):
        found = find_splats(LOGS[name][:length])
        assert len(found) <= 1
        if length > last // 2 + 1:
            # a Rust panic stays one, whatever follows is cut off
            assert [splat.kind for splat in found] == [kind]
            assert found[0].title.startswith(title.partition(" in ")[0].split(" Read")[0][:12])


def test_two_reports_are_two_splats_whichever_they_are() -> None:
    between = LATER["arm64"][:50]
    for one, first in LOGS.items():
        for other, second in LOGS.items():
            found = find_splats((*first, *between, *second))
            assert [splat.kind for splat in found] == [WANTED[one][0], WANTED[other][0]], (one, other)


@pytest.mark.parametrize("name", WANTED)
def test_other_tasks_lines_in_between_do_not_split_it(name: str) -> None:
    noise = parse_console("[    1.000000] audit: type=1400 audit(1.000:1): avc: granted\n")[0]
    torn = tuple(record for original in LOGS[name] for record in (original, noise))
    assert [splat.kind for splat in find_splats(torn)] == [WANTED[name][0]]


def test_long_lines_do_not_stall_it() -> None:
    hostile = ["1.1." + "1" * 50_000, "WARNING: [" + "] " * 20_000, "Oops " * 20_000 + "[#1]", "\t" * 50_000]
    hostile += ["rust_kernel: panicked at " + ":" * 50_000, "BUG: KFENCE: " + "a " * 30_000]
    records = tuple(Record(seq=0, level=0, facility=0, time_us=0, text=text) for text in hostile * 3)
    assert {splat.kind for splat in find_splats(records)} == {Kind.RUST_PANIC, Kind.KFENCE}


# -- any size --------------------------------------------------------------------


@pytest.mark.parametrize("origin", BOOTS)
def test_ten_thousand_ordinary_lines_have_no_splat(origin: str) -> None:
    boot = LATER[origin]
    lines = list(islice(cycle(boot), 10_000))
    assert find_splats(replace(record, seq=n, time_us=n) for n, record in enumerate(lines)) == ()


@given(st.sampled_from(list(BOOTS)), st.randoms(use_true_random=False))
def test_ordinary_lines_torn_and_out_of_order_have_no_splat(origin: str, random: Random) -> None:
    texts = [record.text for record in random.sample(LATER[origin], 80)]
    torn = [text[: random.randrange(len(text) + 1)] for text in texts]
    assert find_splats(parse_console("\n".join(torn))) == ()


@given(st.binary(max_size=3000))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    records = parse_console(data.decode(errors="replace"))
    assert len(find_splats(records)) <= len(records)


def test_records_may_come_from_anything_that_yields_them() -> None:
    assert find_splats(iter(LOGS["kasan"])) == find_splats(LOGS["kasan"])


def test_of_an_endless_report_only_so_much_is_kept() -> None:
    reader = Reader()
    for index in range(20_000):
        text = "kernel BUG at a.c:1!" if index == 0 else f" toy_{index}+0x1/0x2"
        reader.feed(index, Record(seq=index, level=0, facility=0, time_us=0, text=text))
    assert reader.kept <= 2000
    assert [(splat.first, splat.last) for splat in reader.finish()] == [(0, 19_999)]
