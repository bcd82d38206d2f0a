"""The modules and options in a kernel's source, whether or not this kernel was built with them.

Distinguishes a name that this kernel lacks from one that no kernel of this source can have.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from rustbed.errors import UsageError
from rustbed.kernel.artifact import Kernel

_PREFIX = "CONFIG_"
# directories of the source without modules
_OTHER = frozenset({"Documentation", "tools", ".git"})
_OPTION = re.compile(r"^[ \t]*(?:menu)?config[ \t]+(\w+)", re.MULTILINE)
# objects in Makefiles; each may be a module
_OBJECT = re.compile(r"(?<![\w/-])([\w-]+)\.o\b")
# most names in an error message
_NEAREST = 5


def require_known(kernel: Kernel, names: Iterable[str]) -> None:
    """Raise UsageError for a module or option (CONFIG_...) that the kernel's source does not have.

    Without the source, as for many kernels that were built elsewhere, nothing is checked.
    """
    if kernel.source_dir is None or not kernel.source_dir.is_dir():
        return
    for name in names:
        is_option = name.startswith(_PREFIX)
        known = _read_names(kernel.source_dir)[is_option]
        wanted = name if is_option else name.replace("-", "_")
        if wanted not in known:
            what = "option" if is_option else "module"
            raise UsageError(
                f"the source of kernel {kernel.release} has no {what} {name!r}",
                nearest=", ".join(difflib.get_close_matches(wanted, known, n=_NEAREST)) or "none",
                fix='correct the name, or mark the test with @pytest.mark.since("VERSION") of a later kernel',
            )


@lru_cache(maxsize=8)
def _read_names(source: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of modules, and of options, in a source; takes a second or two."""
    modules, options = set[str](), set[str]()
    for base, directories, files in os.walk(source):
        if base == str(source):
            directories[:] = [name for name in directories if name not in _OTHER]
        for name in files:
            if name.startswith("Kconfig"):
                options.update(f"{_PREFIX}{found}" for found in _OPTION.findall(_read(base, name)))
            elif name in ("Makefile", "Kbuild"):
                modules.update(found.replace("-", "_") for found in _OBJECT.findall(_read(base, name)))
    return frozenset(modules), frozenset(options)


def _read(base: str, name: str) -> str:
    return Path(base, name).read_text(errors="replace")
