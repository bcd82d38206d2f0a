"""A kernel log that is not whole is said to be so."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rustbed.deadline import Deadline
from rustbed.guest.kmsg import FLOOD, NOTHING_EARLIER, EarlierLog, RecordStream, render_fence


@contextmanager
def stream_of(
    path: Path, seqs: range, *more: int, earlier: EarlierLog = NOTHING_EARLIER
) -> Iterator[RecordStream]:
    """Yield a stream to which records with these sequence numbers have come, the last one a fence."""
    ours, theirs = socket.socketpair()
    stream = RecordStream(ours, path / "records.log", earlier)
    try:
        *numbers, last = (*seqs, *more)
        lines = [f"6,{number},{number},-;x\n" for number in numbers]
        theirs.sendall("".join([*lines, f"15,{last},{last},-;{render_fence('1')[4:]}\n"]).encode())
        assert stream.saw_fence("1", Deadline.after(60))
        yield stream
    finally:
        theirs.close()
        stream.close()


def test_log_that_is_whole_is_not_damaged(tmp_path: Path) -> None:
    with stream_of(tmp_path, range(1000)) as stream:
        assert (stream.damage, len(stream.records)) == ("", 999)


def test_records_that_were_overwritten_are_an_overrun(tmp_path: Path) -> None:
    with stream_of(tmp_path, range(5), 12, 13) as stream:
        assert stream.damage == "kernel log overrun: 7 records lost"


def test_records_that_were_overwritten_before_the_first_one_came_are_an_overrun(tmp_path: Path) -> None:
    with stream_of(tmp_path, range(3, 9)) as stream:
        assert stream.damage == "kernel log overrun: 3 records lost"


def test_a_fork_begins_where_its_template_ended(tmp_path: Path) -> None:
    with stream_of(tmp_path, range(40, 50), earlier=EarlierLog(next_seq=40)) as stream:
        assert stream.damage == ""
    with stream_of(tmp_path, range(42, 50), earlier=EarlierLog(next_seq=40)) as stream:
        assert stream.damage == "kernel log overrun: 2 records lost"


def test_more_records_than_can_be_judged_are_a_flood(tmp_path: Path) -> None:
    with stream_of(tmp_path, range(FLOOD + 1)) as stream:
        assert stream.damage == ""
    with stream_of(tmp_path, range(FLOOD + 2)) as stream:
        assert stream.damage == f"kernel log flood: {FLOOD + 1} records"


def test_clocks_of_kernel_and_host_are_matched_by_the_records(tmp_path: Path) -> None:
    before = time.monotonic()
    # a record of the stream is as many microseconds old as its number
    with stream_of(tmp_path, range(3_000_000, 3_000_005)) as stream:
        assert stream.kernel_began is not None
        assert before - 3.001 < stream.kernel_began < time.monotonic() - 3
    ours, theirs = socket.socketpair()
    silent = RecordStream(ours, tmp_path / "silent.log")
    assert silent.kernel_began is None
    theirs.close()
    silent.close()
