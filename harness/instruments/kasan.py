"""KASAN: it watches every test on a kernel that has it, and goes on after its first report."""

from __future__ import annotations

from rustbed.instruments.instrument import Instrument
from rustbed.log.splat import Kind

KASAN = Instrument(
    name="kasan",
    kind=Kind.KASAN,
    options=("CONFIG_KASAN",),
    is_default=True,
    # without this, KASAN stops after its first report (report_enabled() in mm/kasan/report.c), even if that
    # came during the boot or was declared by a test
    cmdline=("kasan_multi_shot",),
)
