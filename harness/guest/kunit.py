"""Running the kernel's own unit tests in the guest.

Knows where the kernel has its suites and where their sources are; log/kunit.py reads their results.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from rustbed.errors import UsageError
from rustbed.guest.shell import Guest
from rustbed.log.kunit import find_tests

# CONFIG_KUNIT_DEBUGFS
_SUITES = "/sys/kernel/debug/kunit"
_MOUNT = "mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug"
# directories of the kernel's source with Rust suites
_RUST = ("rust", "drivers")
# seconds on real hardware for a suite; all doctests together take less than one
_SUITE_S = 120.0


def list_suites(guest: Guest) -> tuple[str, ...]:
    """Return the suites that the running kernel has; none without CONFIG_KUNIT_DEBUGFS."""
    return tuple(guest.run(f"{_MOUNT}; ls {_SUITES} 2>/dev/null").output.split())


def require_suite(guest: Guest, name: str) -> None:
    """Raise UsageError for a suite that the running kernel does not have."""
    if name not in (known := list_suites(guest)):
        raise UsageError(
            f"this kernel has no KUnit suite {name}",
            suites=", ".join(known) or "none: it needs CONFIG_KUNIT=y and CONFIG_KUNIT_DEBUGFS=y",
        )


def start_suite(guest: Guest, name: str) -> None:
    """Run a suite to its end; its results are in the kernel log. Raises MachineError."""
    guest.run(f"echo 1 >{_SUITES}/{shlex.quote(name)}/run", _SUITE_S)


def find_places(source: Path | None, suite: str, below: Iterable[str] = _RUST) -> dict[str, str]:
    """Return file:line of each test of a Rust suite, found in directories of a source; none without one."""
    if source is None:
        return {}
    files = (path for directory in below for path in sorted((source / directory).rglob("*.rs")))
    for path in files:
        if f"kunit_tests({suite})".encode() in (data := path.read_bytes()):
            return find_tests(data.decode(errors="replace"), str(path.relative_to(source)), suite)
    return {}
