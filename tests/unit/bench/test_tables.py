"""What the benchmarks print, of figures that are known."""

from __future__ import annotations

import os

import pytest

from rustbed.bench.boot import Boots, render_boots
from rustbed.bench.churn import Churn, render_churn
from rustbed.bench.devices import Speed, render_speeds
from rustbed.bench.explain import Cost, render_costs
from rustbed.bench.fork import Way, render_forks
from rustbed.errors import HostError
from rustbed.procfs import memory_mib


def test_ways_to_make_machines_have_a_line_each_with_their_medians() -> None:
    booted = Way(machine="riscv64", accel="tcg", way="booted", cold=[900.0, 1000.0, 5000.0])
    copied = Way(
        machine="riscv64",
        accel="tcg",
        way="copied",
        cold=[9.0, 10.0, 99.0],
        driver=[60.0, 80.0],
        cpu=[50.0],
        pages=[900.0, 1100.0],
        row=1000,
        failed=2,
        row_s=16.0,
        pss=28.6,
        private=4.44,
    )
    assert render_forks([booted, copied]).splitlines() == [
        "machine    accel  way       ahead        asked     driver  processor   pages"
        "  a second   failed       Pss    private",
        "riscv64    tcg    booted            -  1000.0 ms          -          -       -",
        "riscv64    tcg    copied            -    10.0 ms    70.0 ms    50.0 ms    1000"
        "      62.5   2/1000    29 MiB    4.4 MiB",
    ]


def test_boots_are_compared_with_bare_ones_by_their_medians() -> None:
    row = Boots(
        machine="x86_64",
        accel="kvm",
        starts=(700.0, 800.0),
        bare=(1000.0,),
        ours=(1500.0, 1100.0, 1200.0),
        trips=(4.04,),
        image_mib=3.25,
    )
    assert render_boots([row]).splitlines() == [
        "machine    accel   bare: init starts  answers   ours: answers  ratio  round trip      image",
        "x86_64     kvm               750 ms  1000 ms         1200 ms   1.20      4.0 ms    3.2 MiB",
    ]


@pytest.mark.parametrize(("answers", "fork"), [((90.0, 110.0), " 100.0 ms"), ((), "        -")])
def test_tenth_of_the_churn_in_which_every_fork_failed_has_no_time(
    answers: tuple[float, ...], fork: str
) -> None:
    row = Churn(
        machine="arm64",
        forks=100,
        failed=100 - len(answers),
        answers=answers,
        rate=len(answers) / 0.5,
        rss_mib=34.52,
        descriptors=18,
        threads=2,
        files=8,
    )
    rate = f"{2.0 * len(answers):>8}     34.5 MiB"
    assert render_churn([row]).splitlines() == [
        "machine     forks  failed       fork  a second      memory  descriptors  threads  files",
        f"arm64         100  {100 - len(answers):>6}  {fork}  {rate}           18        2      8",
    ]


def test_costs_of_explaining_have_a_line_for_each_log() -> None:
    row = Cost(log="reports alone", size_mb=100, clock_s=9.876, processor_s=9.5, memory_mib=210)
    assert render_costs([row]).splitlines() == [
        "log                      size      clock  processor    memory",
        "reports alone            100 MB     9.88 s     9.50 s   210 MiB",
    ]


def test_memory_of_a_process_is_told_in_mib_and_what_linux_does_not_tell_is_an_error() -> None:
    assert 1 < memory_mib(os.getpid(), "Pss") <= memory_mib(os.getpid(), "Rss")
    with pytest.raises(HostError, match="no Anon"):
        memory_mib(os.getpid(), "Anon")


def test_speeds_of_devices_have_a_line_each() -> None:
    speeds = [Speed(what="reads", values=(30000.0, 10000.0, 20000.0), unit="a second")]
    assert render_speeds("x86_64", speeds).splitlines()[1].split() == [
        *("reads", "10,000", "20,000", "30,000", "a", "second")
    ]
