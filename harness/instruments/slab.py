"""The slab allocator's checks: they find writes to free memory, and writes past the end of an object.

Owns the choice of checks (Documentation/admin-guide/mm/slab.rst), and when they run. The allocator checks an
object when it is freed and when it is allocated again; other objects are checked on request. Its reports are
parsed like the rest of the kernel's log.
"""

from __future__ import annotations

from rustbed.errors import CommandError
from rustbed.instruments.instrument import Instrument, Run
from rustbed.log.splat import Kind

# Only the caches of kmalloc(): those of the kernel's own objects are not used by drivers, and one of them,
# kmem_cache_node, is reported although nothing is wrong. The kernel refuses to validate a cache without
# checks (a test may want that: slab_debug=-), so such a cache is skipped; a cache with checks that cannot be
# validated is a fault. Reading sanity_checks first would cost a quarter of the whole time.
_VALIDATE = (
    "for _cache in /sys/kernel/slab/kmalloc-*;"
    " do _fine=0;"
    " echo 1 >$_cache/validate || { read -r _checks <$_cache/sanity_checks && [ $_checks = 0 ]; } || break;"
    " _fine=1; done 2>/dev/null; [ $_fine = 1 ]"
)
# seconds, on real hardware
_VALIDATE_S = 20.0


def validate(run: Run) -> None:
    """Let the kernel check every object of kmalloc(), also free ones. Raises CommandError if it fails."""
    answer = run(_VALIDATE, _VALIDATE_S)
    if answer.status != 0:
        raise CommandError(
            "the slab allocator does not validate its caches",
            command=answer.command,
            status=answer.status,
            output=answer.output,
        )


# F: checks of consistency, Z: red zones, P: poison, U: who allocated and freed
SLAB = Instrument(
    name="slab",
    kind=Kind.SLAB_CORRUPTION,
    options=("CONFIG_SLUB_DEBUG", "CONFIG_SYSFS"),
    superseded_by=("CONFIG_KASAN", "CONFIG_SLUB_TINY"),
    is_default=True,
    cmdline=("slab_debug=FZPU",),
    provoke=validate,
)
