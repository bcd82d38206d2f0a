"""Fingerprints: equal for the same failure in another build, kernel or architecture.

Owns which parts of a report describe the failure, and which differ from run to run: addresses,
offsets, hashes of crates, numbers, how the machine enters the kernel. Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import takewhile

from rustbed.log.formats.row import Kind

# frames that count: with one, different misuses of a helper look the same; a third one distinguished
# none of LKDTM's failures
_FRAMES = 2
# a refused access: each architecture describes it in different words
_WORDED_BY_THE_PROCESSOR = frozenset({Kind.OOPS})
# the message of a panic says what happened; its function may be inlined, and what is on the stack
# behind a call that never returns may be the next function
_TOLD_BY_THE_MESSAGE = frozenset({Kind.PANIC, Kind.RUST_PANIC})

# entry from user space into the kernel: its names differ by architecture
_ENTRY = re.compile(
    r"(?:__\w+_)?(?:compat_)?(?:sys|ksys|do_sys)_\w+|__(?:x64|ia32|arm64|riscv|s390x?|se|do)_(?:compat_)?sys_\w+"
    r"|(?:do|x64|invoke)_\w*syscall\w*|el0_svc\w*|el0t_\w+|do_trap_ecall_u|system_call\w*|do_one_initcall"
    r"|do_init_module|kthread|worker_thread"
)
# a symbol with its offset, in a message
_PLACE = re.compile(r"\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[\w+\])?")
_NUMBER = re.compile(r"\b(?:0x[0-9a-f]+|[0-9a-f]{8,}|\d+)\b", re.IGNORECASE)


def fingerprint(kind: str, message: str, frames: Iterable[str] = ()) -> str:
    """Return 12 hexadecimal digits for a failure; `kind` is that of a splat, or an outcome.

    `message` is one line without a function's name, of a Rust panic with its source file; `frames` are
    demangled names without plumbing, the innermost first. What lies beyond the entry into the kernel
    does not count.
    """
    inner: list[str] = []
    if kind not in _TOLD_BY_THE_MESSAGE:
        for name in takewhile(lambda name: not _ENTRY.fullmatch(name), frames):
            if name not in inner:
                inner.append(name)
            if len(inner) == _FRAMES:
                break
    return _digest(kind, message, tuple(inner))


@lru_cache(maxsize=1024)
def _digest(kind: str, message: str, inner: tuple[str, ...]) -> str:
    """Return the digits, cached because a log may repeat one failure many times."""
    said = "" if kind in _WORDED_BY_THE_PROCESSOR and inner else _NUMBER.sub("N", _PLACE.sub("", message))
    text = "\n".join([kind, said, *inner])
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]
