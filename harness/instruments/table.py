"""The list of instruments, and the choice of those that watch a test."""

from __future__ import annotations

from collections.abc import Collection

from rustbed.instruments.instrument import Instrument
from rustbed.instruments.kasan import KASAN
from rustbed.instruments.kmemleak import KMEMLEAK
from rustbed.instruments.slab import SLAB
from rustbed.kernel.artifact import Kernel

# the words of a later one override those of an earlier one on the kernel's command line
INSTRUMENTS: tuple[Instrument, ...] = (KMEMLEAK, SLAB, KASAN)


def choose_instruments(kernel: Kernel, asked: Collection[str]) -> tuple[Instrument, ...]:
    """Return the instruments for a test that asks for some by name.

    An instrument that was asked for is included even if the kernel lacks its options (see `missing_options`).
    A default instrument is included if the kernel has its options and no better detector.
    """
    return tuple(each for each in INSTRUMENTS if each.name in asked or _watches_by_default(each, kernel))


def _watches_by_default(instrument: Instrument, kernel: Kernel) -> bool:
    is_served = all(map(kernel.has, instrument.options))
    return instrument.is_default and is_served and not any(map(kernel.has, instrument.superseded_by))


def missing_options(instruments: Collection[Instrument], kernel: Kernel) -> tuple[str, ...]:
    """Return the options that a kernel lacks for these instruments."""
    wanted = (option for each in instruments for option in each.options)
    return tuple(option for option in dict.fromkeys(wanted) if not kernel.has(option))


def cmdline_of(instruments: Collection[Instrument]) -> tuple[str, ...]:
    """Return the words that these instruments need on the kernel's command line."""
    return tuple(word for each in instruments for word in each.cmdline)
