"""The host's Debian mirror, and the causes of failed downloads.

Pure, except for one query of the host's apt. Does not know what is fetched.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from rustbed import process
from rustbed.errors import HostError, suggest

# the mirror if the host's apt has none
DEFAULT_MIRROR = "http://deb.debian.org/debian"
# format for apt-get indextargets: see apt-get(8) and apt's doc/acquire-additional-files.md
_FORMAT = "$(SITE)|$(ORIGIN)|$(LABEL)"

# messages of apt, mmdebstrap, dpkg and tar, with cause and fix; the first match counts
_CAUSES = (
    (
        r"No space left on device|Disk quota exceeded",
        "no space left",
        f"{suggest('clean')}, or set RUSTBED_CACHE",
    ),
    (
        r"NO_PUBKEY|is not signed|signatures couldn't be verified|Missing key",
        "this host does not know the keys of Debian trixie",
        "apt-get update && apt-get install debian-archive-keyring",
    ),
    (
        r"Temporary failure resolving|Could not resolve|Could not connect|Unable to connect|Connection failed"
        r"|Connection timed out|Connection refused|Network is unreachable|No route to host"
        r"|Cannot initiate the connection",
        "the Debian mirror cannot be reached",
        "check the network, or set RUSTBED_MIRROR to a mirror that answers",
    ),
    (
        r"Hash Sum mismatch|File has unexpected size|Failed to fetch|Connection reset|unexpected end of file"
        r"|Unexpected EOF|Data socket timed out|Error reading from server",
        "the download broke off or was damaged on its way",
        "try again, or set RUSTBED_MIRROR to another mirror",
    ),
    (
        r"Version '\S+' for '\S+' was not found",
        "Debian has a newer version, and no longer this one",
        f"{suggest('clean toolroots')}: the next build makes a new one",
    ),
    (
        r"subuid|subgid|newuidmap|unshare (the )?user|cannot unshare|unshare\(\) failed",
        "this user may not create user namespaces",
        "apt-get install uidmap; usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER",
    ),
)


def parse_mirrors(text: str) -> tuple[str, ...]:
    """Return Debian's mirrors among the lines of `apt-get indextargets`, without the security archive."""
    rows = [line.split("|") for line in text.splitlines() if line.count("|") == 2]
    ours = [site.rstrip("/") for site, origin, label in rows if origin == label == "Debian"]
    # lists that were never fetched have no origin, so the URL decides
    guessed = [site.rstrip("/") for site, origin, _ in rows if not origin and re.search(r"/debian/?$", site)]
    return tuple(
        dict.fromkeys(site for site in (*ours, *guessed) if site.startswith(("http://", "https://")))
    )


def find_mirror() -> str:
    """Return $RUSTBED_MIRROR, else the mirror of the host's apt, else Debian's own."""
    if chosen := os.environ.get("RUSTBED_MIRROR"):
        return chosen.rstrip("/")
    try:
        answer = process.run(
            ["apt-get", "indextargets", "--format", _FORMAT], attempted="asking apt", check=False
        )
    except HostError:
        return DEFAULT_MIRROR
    return next(iter(parse_mirrors(answer.text)), DEFAULT_MIRROR)


def find_cause(text: str) -> tuple[str, str] | None:
    """Return the cause and the fix for the errors in a log of apt, mmdebstrap or tar; None if unknown."""
    for pattern, cause, fix in _CAUSES:
        if re.search(pattern, text, re.IGNORECASE):
            return cause, fix
    return None


def render_tail(lines: Iterable[str], count: int = 6) -> str:
    """Return the last relevant lines: errors if there are any."""
    kept = [line for line in lines if line.strip()]
    errors = [line for line in kept if re.match(r"(E|W|Err|error|tar|bwrap|mmdebstrap)\b.?:", line)]
    return "\n".join((errors or kept)[-count:])


def failure(attempted: str, log: Path) -> HostError:
    """Return the error for a download or unpacking that ended with the log `log`."""
    text = log.read_text(errors="replace") if log.is_file() else ""
    cause, fix = find_cause(text) or ("it ended with an error", None)
    return HostError(f"{attempted}: {cause}", said=render_tail(text.splitlines()), fix=fix, log=log)
