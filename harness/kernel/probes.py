"""Remembers kbuild's probes of the compiler between builds of modules.

At each start kbuild's Makefile tries some twenty options on an empty file, which takes longer than compiling
a Rust module. Owns the files with the results. Does not know what is probed.
"""

from __future__ import annotations

from rustbed import cache as caching
from rustbed.cache import Cache
from rustbed.kernel.artifact import Kernel
from rustbed.toolroot.toolchain import Bind, Toolchain

KIND = "probes"
# a directory that every root has and no build uses
_INSIDE = "/mnt"
_PREPARE = 'set -e; TMP=$(TMPOUT)/tmp; trap "rm -rf $(TMPOUT)" EXIT; mkdir -p $(TMPOUT);'
# scripts/Makefile.compiler's `try-run`; a trial is known by its whole command. That an option is there, or is
# unknown to the compiler, stays so; a trial that failed otherwise may have been killed, or had no space. What
# an author's Kbuild file tries, where `obj` is set, may read files, and is tried each time
_TRY_RUN = (
    f"try-run=$(if $(obj),$(shell {_PREPARE}"
    ' if ($(1)) >/dev/null 2>&1; then echo "$(2)"; else echo "$(3)"; fi),'
    "$(shell set -e; set -- $$(printf %s '$(subst ','\\'',$(1))' | sha256sum); known='$(PROBES)'/$$1;"
    ' if test -e "$$known-yes"; then echo "$(2)"; elif test -e "$$known-no"; then echo "$(3)";'
    f" else {_PREPARE}"
    ' if said=$$( ($(1)) 2>&1 ); then touch "$$known-yes" || :; echo "$(2)";'
    ' else case "$$said" in (*unknown*) touch "$$known-no" || : ;; esac; echo "$(3)"; fi; fi))'
)


def remember(kernel: Kernel, toolchain: Toolchain, cache: Cache) -> tuple[list[str], Bind]:
    """Return settings for make, and the directory that they need, which is there afterwards."""
    directory = cache.path(KIND, caching.hash_text(kernel.key, toolchain.identity))
    directory.mkdir(parents=True, exist_ok=True)
    return [_TRY_RUN, f"PROBES={toolchain.seen(directory, _INSIDE)}"], (directory, _INSIDE)
