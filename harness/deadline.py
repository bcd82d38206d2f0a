"""A timeout is a deadline: made once, handed down, asked for what remains.

Owns the notion of waiting time; knows nothing of what is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

# a limit is put off by at most this many times itself ...
_PUT_OFF = 4.0
# ... and it is told from so many seconds on
_TOLD_S = 5.0


def _nothing() -> float:
    return 0.0


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """A point on the monotonic clock, put off by the time that what is waited for was given no processor."""

    # seconds on time.monotonic()
    at: float
    # seconds it was set for, kept for error texts
    seconds: float
    # seconds since it was made for which what is waited for wanted a processor in vain: asked from `at` on
    withheld: Callable[[], float] = _nothing

    @classmethod
    def after(cls, seconds: float, withheld: Callable[[], float] = _nothing) -> Deadline:
        """Make a deadline that expires `seconds` from now, or later by what `withheld` returns then."""
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
        """What an error's text should say of it beside the seconds it was set for."""
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
        """Return at most `seconds`, at most what remains: the length of one step of a longer wait."""
        return min(seconds, self.remaining)
