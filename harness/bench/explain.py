"""Measures the seconds and memory that `rustbed explain` takes for logs of 1, 10 and 100 MB."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, cycle, islice
from pathlib import Path

from rustbed import process

_SIZES_MB = (1, 10, 100)
_ORDINARY = tuple(
    f"[{100 + index:5d}.{index:06d}] toy {index:04x}: link is up, 1000 Mbit/s, flow control {state}\n"
    for index, state in enumerate(("off", "rx", "tx", "rx/tx") * 25)
)
_REPORT = """\
[  200.000000] ==================================================================
[  200.000010] BUG: KASAN: slab-use-after-free in toy_poll+0x1a2/0x240
[  200.000020] Read of size 8 at addr ffff888103a4b010 by task sh/92
[  200.000030] CPU: 1 UID: 0 PID: 92 Comm: sh Not tainted 7.3.4 #1 PREEMPT
[  200.000040] Call Trace:
[  200.000050]  <TASK>
[  200.000060]  dump_stack_lvl+0x5d/0x80
[  200.000070]  print_report+0xcf/0x610
[  200.000080]  kasan_report+0xb5/0xf0
[  200.000090]  toy_poll+0x1a2/0x240
{frames}[  200.000100]  do_syscall_64+0x82/0x170
[  200.000110]  entry_SYSCALL_64_after_hwframe+0x76/0x7e
[  200.000120] RAX: ffffffffffffffda RBX: 00007ffd1a2b3c40 RCX: 00007f0a1b2c3d4e
[  200.000130]  </TASK>
[  200.000140] Allocated by task 92:
[  200.000150]  kasan_save_stack+0x20/0x40
[  200.000160]  toy_open+0x3c/0x110
[  200.000170] Freed by task 93:
[  200.000180]  kasan_save_stack+0x20/0x40
[  200.000190]  toy_release+0x2e/0x60
[  200.000200] ==================================================================
""".format(frames="".join(f"[  200.000095]  toy_layer_{index}+0x10/0x40\n" for index in range(30)))


def _lines(reports: bool) -> Iterator[str]:
    """Yield the text of a log without end: reports alone, or one in about a thousand ordinary lines."""
    return cycle((_REPORT,) if reports else tuple(chain(_ORDINARY * 10, (_REPORT,))))


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of explaining one log."""

    log: str
    size_mb: int
    clock_s: float
    processor_s: float
    # largest resident memory
    memory_mib: int


def _measure(log: Path, name: str, size_mb: int) -> Cost:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    process.run(
        [sys.executable, "-m", "rustbed.cli", "explain", "--json", str(log)],
        attempted="explaining a log",
        timeout_s=600,
        check=False,
    )
    seconds = time.monotonic() - started
    # of the largest child so far, which is this one because sizes increase
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(
        log=name,
        size_mb=size_mb,
        clock_s=seconds,
        processor_s=after.ru_utime - before.ru_utime,
        memory_mib=after.ru_maxrss // 1024,
    )


def render_costs(rows: Sequence[Cost]) -> str:
    """Render a line for each log."""
    lines = ["log                      size      clock  processor    memory"]
    lines += [
        f"{row.log:<22}  {row.size_mb:>4} MB  {row.clock_s:>7.2f} s  {row.processor_s:>7.2f} s"
        f"  {row.memory_mib:>4} MiB"
        for row in rows
    ]
    return "\n".join(lines)


def bench_explain() -> str:
    """Render clock, processor and memory per size, for an ordinary log and for one of reports alone."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="rustbed-") as scratch:
        log = Path(scratch) / "console.log"
        for reports in (False, True):
            for size in _SIZES_MB:
                pieces = _lines(reports)
                with log.open("w") as out:
                    while out.tell() < size << 20:
                        out.writelines(islice(pieces, 1000 if not reports else 10))
                name = "reports alone" if reports else "a report in 1000 lines"
                rows.append(_measure(log, name, size))
    return render_costs(rows)
