"""A deadline for waits: made once, passed down, and asked for the remaining time.

Does not know what a wait is for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

# a deadline is extended by at most this many times its seconds ...
_PUT_OFF = 4.0
# ... and error messages mention an extension of at least this many seconds
_TOLD_S = 5.0


def _nothing() -> float:
    return 0.0


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """A point on the monotonic clock, extended by the time for which the awaited process got no CPU."""

    # seconds on time.monotonic()
    at: float
    # the timeout in seconds, for error messages
    seconds: float
    # returns the seconds for which the awaited process has waited for a CPU; called from `at` on
    withheld: Callable[[], float] = _nothing

    @classmethod
    def after(cls, seconds: float, withheld: Callable[[], float] = _nothing) -> Deadline:
        """Make a deadline that expires `seconds` from now, or later by the result of `withheld`."""
        return cls(at=time.monotonic() + seconds, seconds=seconds, withheld=withheld)

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        left = self.at - time.monotonic()
        if left <= 0:
            left += self._put_off
        return max(0.0, left)

    @property
    def _put_off(self) -> float:
        return min(self.withheld(), _PUT_OFF * self.seconds)

    @property
    def facts(self) -> dict[str, str]:
        """Facts about an extension, for error messages."""
        late = self._put_off
        return {"host": f"gave no processor for {late:.0f} s, not counted"} if late > _TOLD_S else {}

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - (self.at - self.seconds)

    @property
    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return self.remaining == 0

    def slice(self, seconds: float) -> float:
        """Return the length of one step of a longer wait: at most `seconds`, at most the remaining time."""
        return min(seconds, self.remaining)
