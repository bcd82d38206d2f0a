"""KASAN, which a kernel has or has not: it watches by itself, and is told to go on."""

from __future__ import annotations

from rustbed.instruments.instrument import Instrument
from rustbed.log.splat import Kind

KASAN = Instrument(
    name="kasan",
    kind=Kind.KASAN,
    options=("CONFIG_KASAN",),
    is_default=True,
    # without it the first report is the last one (report_enabled() in mm/kasan/report.c), also one that comes
    # while the machine boots, or that a test has declared
    cmdline=("kasan_multi_shot",),
)
