"""A timeout is a deadline: made once, handed down, asked for what remains.

Owns the notion of waiting time; knows nothing of what is waited for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """A point on the monotonic clock."""

    # seconds on time.monotonic()
    at: float
    # seconds it was set for, kept for error texts
    seconds: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Make a deadline that expires `seconds` from now."""
        return cls(at=time.monotonic() + seconds, seconds=seconds)

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - time.monotonic())

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - (self.at - self.seconds)

    @property
    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self.at

    def slice(self, seconds: float) -> float:
        """Return at most `seconds`, at most what remains: the length of one step of a longer wait."""
        return min(seconds, self.remaining)
