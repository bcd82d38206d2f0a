"""How make is called for a kernel, and what its output means. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rustbed.arch import Arch

# results must not depend on the builder, the time, or the number of builds
ENV = {
    "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
    "KBUILD_BUILD_USER": "rustbed",
    "KBUILD_BUILD_HOST": "rustbed",
    "KBUILD_BUILD_VERSION": "1",
}

# "  CC      lib/sort.o", "  RUSTC L rust/core.o", "  HOSTCC  scripts/basic/fixdep", "  CC [M]  fs/x.o"
_STEP = re.compile(r"  [A-Z][A-Z0-9_+-]*(?: (?:\[M\]|[A-Z]{1,2}))? +(\S.*)")
# errors of compilers, linkers, modpost, Kconfig and the shell
_ERROR = re.compile(
    r"(^|[\s:])(fatal )?error(\[E\d+\])?: |^ERROR: |^error: |undefined (symbol|reference)|: not found$"
    r"|^Killed|No space left on device|^make(\[\d+\])?: \*\*\* No rule"
)
_GAVE_UP = re.compile(r"^make(\[\d+\])?: \*\*\* |\*\*\*")
# most lines that are shown after the first error
_CONTEXT = 14


def render_make(
    targets: Sequence[str], *, arch: Arch, source: str, build: str, jobs: int, settings: Sequence[str] = ()
) -> list[str]:
    """Return the make command for a kernel; `source` and `build` are the directories' paths for make."""
    return [
        *("make", "-C", source, f"O={build}", f"-j{jobs}"),
        *("LLVM=1", f"ARCH={arch.kernel_arch}"),
        # an empty value keeps a "+" for uncommitted changes out of the release
        "LOCALVERSION=",
        *arch.make_settings,
        *settings,
        *targets,
    ]


def parse_step(line: str) -> str | None:
    """Return the file that a line of make's output says is being made, or None."""
    found = _STEP.fullmatch(line)
    return found[1] if found else None


def find_first_error(text: str) -> str:
    """Return the first error in make's output with the lines that explain it, or the last lines."""
    lines = text.splitlines()
    for pattern in (_ERROR, _GAVE_UP):
        for number, line in enumerate(lines):
            if pattern.search(line):
                return "\n".join(_around(lines, number))
    return "\n".join(lines[-8:])


def _around(lines: Sequence[str], number: int) -> list[str]:
    kept: list[str] = []
    for line in lines[number : number + _CONTEXT]:
        # lines of other files, which may come between with -j, end the error like a blank line
        if kept and (not line.strip() or parse_step(line) or _GAVE_UP.search(line)):
            break
        kept.append(line)
    return kept


def ran_out_of_space(text: str) -> bool:
    """Whether a log shows a full disk."""
    return bool(re.search(r"No space left on device|Disk quota exceeded", text))
