"""Strips modules of their debug information for an image.

Owns the cache of stripped modules: an unchanged module is not stripped
again. The unstripped file is kept for symbolizing.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from rustbed import process
from rustbed.cache import Cache, Facts
from rustbed.checked import hash_file
from rustbed.errors import BuildError
from rustbed.kernel.artifact import Module
from rustbed.process import ProgramError
from rustbed.toolroot.toolchain import Toolchain

KIND = "stripped"
_NAME = "module.ko"


def strip_module(module: Module, *, toolchain: Toolchain, cache: Cache) -> bytes:
    """Return the stripped contents of a module. Raises BuildError for a file that is not a module."""
    key = f"{hash_file(module.path)[:16]}-{toolchain.identity}"

    def fill(directory: Path) -> Facts:
        shutil.copyfile(module.path, directory / _NAME)
        seen = toolchain.seen(directory, "/work")
        argv = ["llvm-objcopy", "--strip-debug", _NAME]
        attempted = f"stripping module {module.name} of its debug information"
        try:
            process.run(toolchain.command(argv, binds=[(directory, "/work")], cwd=seen), attempted=attempted)
        except ProgramError as error:
            raise BuildError(f"{attempted} failed", module=module.path, **error.facts) from error
        return {"module": module.name}

    cache.publish(KIND, key, fill)
    return (cache.path(KIND, key) / _NAME).read_bytes()
