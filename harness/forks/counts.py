"""Counts of how machines were made, and their text in a session's summary."""

from __future__ import annotations

from collections.abc import Mapping

from rustbed.progress import plural

# the keys of `Machines.counts`; a key that ends with a colon is followed by a reason
FORKED = "forked"
# forked machines that are copies of a running one; they are counted as forked, too
COPIED = "copied"
RESTORED = "restored instead: "
REPLACED = "started again to be copied: "
BOOTED = "booted as asked"
INSTEAD = "booted instead: "


def render_counts(counts: Mapping[str, int]) -> str:
    """Render how many machines were made in which way, and a line for each reason not to fork or copy."""
    instead = sum(count for how, count in counts.items() if how.startswith(INSTEAD))
    copied = f" ({counts[COPIED]} as copies of a running one)" if counts.get(COPIED) else ""
    parts = [
        f"{plural(counts.get(FORKED, 0), 'machine')} forked{copied}",
        f"{counts.get(BOOTED, 0)} booted as asked",
    ]
    if instead:
        parts.append(f"{instead} booted instead of forked")
    lines = [", ".join(parts)]
    for prefix, done in (
        (INSTEAD, ""),
        (RESTORED, "restored instead of copied "),
        (REPLACED, "times another QEMU was started to be copied "),
    ):
        reasons = sorted((how.removeprefix(prefix), n) for how, n in counts.items() if how.startswith(prefix))
        lines += [f"  {number} {done}because {reason}" for reason, number in reasons]
    return "\n".join(lines)
