"""Finds where kernels start in a log, unexpected starts, and lines that a console prints twice.

Pure; does not know splats.
"""

from __future__ import annotations

import re

from rustbed.log.formats.table import BANNER
from rustbed.log.record import Line, Record

# what pstore writes before each part of one kernel's last messages; the newest part may come first
_DUMPS = ("Panic#", "Oops#")
# a kernel's first words, its last ones at an orderly end, and a journal's line between boots
_TURNS = (BANNER, "reboot: ", "kexec_core: ", "sysrq: ", "-- Reboot --", "-- Boot ", *_DUMPS)
_BANNER = re.compile(r"Linux version \d+\.\d+")
_ENDED = re.compile(
    r"reboot: |kexec_core: Starting new kernel|sysrq: Resetting|-- (?:Reboot --|Boot )|\w+#\d+ Part\d"
)
# the early console hands over to the real one, which prints everything again from the first line
_HANDOVERS = ("printk: ", "console [", "bootconsole [")
_HANDOVER = re.compile(r"(?:printk: )?(?:legacy )?(?:console \[\w+\] enabled|bootconsole \[\w+\] disabled)")
# records from that line to the banner that is printed again
_SOON = 8
# what s390 prints before the banner, at a time that its clock had then: kasan_early_init() in its early.c
_BEFORE = "KernelAddressSanitizer initialized"
# a time other than that of the very first records
_TIME = re.compile(rf"\[ *(?!0+\.0+\])\d{{1,12}}\.\d{{3,6}}\](?!(?:\[ *[CT]\d+\])? {_BEFORE})")

# beginnings of the texts that `notice` needs
NOTED = (*_TURNS, *_HANDOVERS, _BEFORE)


class Boots:
    """The kernels in the part of a log that was read."""

    def __init__(self) -> None:
        # whether a kernel has printed anything, and whether it announced its end
        self._began = self._ended = False
        self._banner = ""
        self._previous: Record | Line | None = None
        # index and time of the line with which the early console hands over
        self._handover, self._handover_us = -_SOON - 1, 0
        # records up to this time were printed before, in microseconds since boot; 0 if none were
        self._replayed_us = 0

    def is_printed_again(self, record: Record | Line) -> bool:
        """Whether a console repeats a record: each line is printed twice, or all from the first line on."""
        previous, self._previous = self._previous, record
        if not self._replayed_us and (previous is None or previous.text != record.text):
            return False
        # texts are compared first, because they nearly always differ
        if previous and previous.text == record.text and _when(previous) == _when(record):
            return True
        if self._replayed_us and record.time_us > self._replayed_us:
            self._replayed_us = 0
        return self._replayed_us > 0

    @property
    def newest(self) -> str | None:
        """The previous text, None at the beginning."""
        return self._previous.text if self._previous else None

    @property
    def is_replayed(self) -> bool:
        """Whether a console is repeating earlier records."""
        return self._replayed_us > 0

    def pass_by(self, record: Record | Line) -> None:
        """Take a line of an open report whose text differs from that of the line before."""
        self._previous = record

    def go_on(self, *, ended: bool = False) -> None:
        """Take a line of a report; `ended` if the machine died of it."""
        self._began, self._ended = True, self._ended or ended

    def pass_over(self, text: str) -> None:
        """Take a part of a log without a banner."""
        self._began = self._began or _TIME.search(text) is not None
        self._previous = None

    def notice(self, index: int, record: Record | Line) -> bool | None:
        """Take a line: None if no kernel begins with it, else whether that was unexpected."""
        text = record.text
        if not text.startswith(NOTED):
            self._began = self._began or record.time_us > 0
        elif text.startswith(_HANDOVERS):
            self._began = self._began or record.time_us > 0
            if _HANDOVER.match(text):
                self._handover, self._handover_us = index, record.time_us
        elif _BANNER.match(text):
            return self._begin(index, text)
        elif not text.startswith(_BEFORE):
            self._ended = self._ended or _ENDED.match(text) is not None
        return None

    def _begin(self, index: int, banner: str) -> bool | None:
        if banner == self._banner and index - self._handover <= _SOON:
            self._replayed_us = self._handover_us
            return None
        is_unexpected = self._began and not self._ended
        self._began, self._ended, self._banner = True, False, banner
        return is_unexpected


def _when(record: Record | Line) -> tuple[str, int]:
    return record.caller, record.time_us
