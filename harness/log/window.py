"""A window of the kernel log, as tests see it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rustbed.log.record import Record, render_records

# how many of the newest records a failed assertion shows
SHOWN = 20


@dataclass(frozen=True, kw_only=True, repr=False)
class Log:
    """A window of the kernel log, as tests see it; printed by pytest when an assertion fails."""

    records: tuple[Record, ...] = ()

    @property
    def messages(self) -> list[str]:
        """The texts alone, for comparison with a list of what is expected."""
        return [record.text for record in self.records]

    @property
    def text(self) -> str:
        """The window as dmesg would print it."""
        return render_records(self.records)

    def matching(self, pattern: str) -> list[Record]:
        """Return the records in whose text the regular expression is found."""
        wanted = re.compile(pattern)
        return [record for record in self.records if wanted.search(record.text)]

    def __iter__(self) -> Iterator[Record]:
        """Iterate over the records."""
        return iter(self.records)

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.records)

    def __contains__(self, part: str) -> bool:
        """Whether the text of one record holds `part`."""
        return any(part in record.text for record in self.records)

    def __repr__(self) -> str:
        """Return the newest records, rendered, for the message of a failed assertion."""
        if not self.records:
            return "<Log: no records>"
        hidden = max(0, len(self.records) - SHOWN)
        head = f"<Log: {len(self.records)} records" + (f", the last {SHOWN}:" if hidden else ":")
        return f"{head}\n{render_records(self.records[hidden:])}>"
