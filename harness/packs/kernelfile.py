"""A kernel and its image as the files of a pack, and back. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rustbed.arch import Arch
from rustbed.image.initramfs import Image
from rustbed.kernel.artifact import Kernel, Module
from rustbed.packs.oci import PackError

# parts: files to boot a machine, files to look up its addresses, the source of its binaries
BOOT, SYMBOLS, SOURCE = "boot", "symbols", "source"
# names in the parts
FACTS, IMAGE, CONFIG, INITRAMFS, VMLINUX = "kernel.json", "image", "config", "initramfs.cpio", "vmlinux"


def module_file(name: str) -> str:
    """Return the name of a module's file in a part."""
    return f"modules/{name}.ko"


def render_kernel(kernel: Kernel, image: Image) -> str:
    """Render the facts that the files do not show."""
    facts = {
        "release": kernel.release,
        "key": kernel.key,
        "source": kernel.source,
        "profile": kernel.profile,
        "modules": {module.name: list(module.depends) for module in kernel.modules.values()},
        "initramfs": {"key": image.key, "spec": image.spec},
    }
    return json.dumps(facts, indent=1, sort_keys=True) + "\n"


def parse_kernel(text: str, arch: Arch, boot: Path) -> tuple[Kernel, Image]:
    """Return the kernel and the image of an unpacked boot part; its modules have no debug information.

    Raises PackError if the text is not what `render_kernel` renders.
    """
    try:
        facts = json.loads(text)
        depends: Mapping[str, list[str]] = facts["modules"]
        if any("/" in name for name in depends):
            raise ValueError("a module's name has a slash")
        kernel = Kernel(
            arch=arch,
            release=facts["release"],
            image=boot / IMAGE,
            modules={
                name: Module(name=name, path=boot / module_file(name), depends=tuple(needed))
                for name, needed in sorted(depends.items())
            },
            vmlinux=None,
            config=boot / CONFIG,
            source_dir=None,
            build_dir=None,
            source=facts["source"],
            profile=facts["profile"],
            key=facts["key"],
        )
        made = facts["initramfs"]
        return kernel, Image(path=boot / INITRAMFS, key=made["key"], spec=made["spec"])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise PackError(f"a pack's {FACTS} is damaged: {error}") from error


def with_symbols(kernel: Kernel, symbols: Path) -> Kernel:
    """Return a kernel with the files of its unpacked symbols."""
    modules = {
        name: replace(module, path=symbols / module_file(name)) for name, module in kernel.modules.items()
    }
    return replace(kernel, vmlinux=symbols / VMLINUX, modules=modules)
