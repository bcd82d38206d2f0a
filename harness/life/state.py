"""What a guest contains at a moment, and what it has gained later: a removed driver leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rustbed.errors import LifeError
from rustbed.guest.shell import Guest

# parts that are paths
NODES = "files of /dev"
FILES = ("files of debugfs", "files of configfs", "files of /sys", "files of /sys/devices")
# by part: how deep a directory is listed, the directory, and the paths left out
_DIRECTORIES: dict[str, tuple[int, str, tuple[str, ...]]] = {
    "files of /dev": (64, "/dev", ()),
    # an interrupt that was mapped for a device stays so with the device enabled, as Rust's drivers leave it
    # (docs/findings/pci-device-stays-enabled.md); one that is requested is in /proc. Slab has more files
    # than all the rest
    "files of /sys": (64, "/sys", ("/sys/kernel/slab", "/sys/kernel/irq", "/sys/devices")),
    "files of /sys/devices": (64, "/sys/devices", ()),
    "files of debugfs": (3, "/sys/kernel/debug", ()),
    "files of configfs": (64, "/sys/kernel/config", ()),
}
# by part: files with a line for each entry, and what is compared of a line's words
_LISTS: dict[str, tuple[tuple[str, ...], Callable[[list[str]], list[str]]]] = {
    # name and users
    "modules": (("/proc/modules",), lambda words: words[0:3:2]),
    "regions of memory": (("/proc/iomem",), lambda words: words),
    # all but how often each came
    "interrupts": (("/proc/interrupts",), lambda words: [word for word in words if not word.isdigit()]),
    "character and block devices": (("/proc/devices", "/proc/misc"), lambda words: words),
}
# mounts file systems that were registered after the boot; otherwise the shell starts no process
_MOUNTS = """\
while read -r _ at _; do
  case $at in /sys/kernel/debug) debug=1 ;; /sys/kernel/config) config=1 ;; esac
done </proc/mounts
[ "$debug" ] || mount -t debugfs none /sys/kernel/debug
[ "$config" ] || [ ! -d /sys/kernel/config ] || mount -t configfs none /sys/kernel/config"""
# number of lines of a difference that an error shows
_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class State:
    """What a guest contains: by part, its lines."""

    parts: dict[str, frozenset[str]]

    def more_than(self, before: State) -> dict[str, list[str]]:
        """Return the new lines of each part, sorted, without the parts that have none."""
        new = {
            part: sorted(lines - before.parts.get(part, frozenset())) for part, lines in self.parts.items()
        }
        return {part: lines for part, lines in new.items() if lines}


def read_state(guest: Guest) -> State:
    """Ask a guest for its state; this takes some tenths of a second, with KASAN a few seconds."""
    guest.run(_MOUNTS)
    parts = {name: _read_lists(guest, *asked) for name, asked in _LISTS.items()}
    return State(parts={**parts, **{name: _list(guest, *asked) for name, asked in _DIRECTORIES.items()}})


def _list(guest: Guest, depth: int, directory: str, left_out: tuple[str, ...]) -> frozenset[str]:
    """Return the paths below a directory; none if the guest lacks the directory."""
    done = guest.rbctl("list", str(depth), directory, *left_out)
    return frozenset(done.output.splitlines() if done.status == 0 else ())


def _read_lists(
    guest: Guest, paths: tuple[str, ...], compared: Callable[[list[str]], list[str]]
) -> frozenset[str]:
    """Return the lines of files; a file that the kernel lacks has none."""
    done = [guest.rbctl("get", path) for path in paths]
    lines = [line.split() for each in done if each.status == 0 for line in each.output.splitlines()]
    return frozenset(" ".join(compared(line)) for line in lines if line)


def require_nothing_left(before: State, after: State, what: str) -> None:
    """Raise LifeError if the guest contains something that it did not contain before."""
    left = after.more_than(before)
    if not left:
        return
    part, lines = next(iter(left.items()))
    shown = {name.replace(" ", "_"): "\n".join(found[:_SHOWN]) for name, found in left.items()}
    raise LifeError(f"{what} left {len(lines)} more {part}, {lines[0]} for one", **shown)
