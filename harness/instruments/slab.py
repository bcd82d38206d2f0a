"""Memory of the guest's kernel that was written when it was free, or beside what was allocated.

Owns which checks of the slab allocator are on (Documentation/admin-guide/mm/slab.rst) and when they run.
The allocator checks an object when it is freed and given out again; what is wrong with the others it finds
when it is asked to. What it reports is read like the rest of the kernel's log.
"""

from __future__ import annotations

from rustbed.errors import CommandError
from rustbed.instruments.instrument import Instrument, Run
from rustbed.log.splat import Kind

# Only what kmalloc() gives: the caches of the kernel's own objects are not a driver's, and one of them,
# kmem_cache_node, is reported although nothing is wrong. The kernel refuses to validate a cache without
# checks, as a test may ask for with slab_debug=-, and that one is left out; one that has them and cannot be
# validated is a fault. To ask for the checks first would cost a quarter of all.
_VALIDATE = (
    "for cache in /sys/kernel/slab/kmalloc-*;"
    " do echo 1 >$cache/validate || { read -r checks <$cache/sanity_checks && [ $checks = 0 ]; } || exit 1;"
    " done 2>/dev/null"
)
# seconds, on real hardware
_VALIDATE_S = 20.0


def validate(run: Run) -> None:
    """Let the kernel check every object of kmalloc(), free ones too. Raises CommandError if it cannot."""
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
