"""Whether KVM works here: only a boot proves it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rustbed import cache as caching
from rustbed import host
from rustbed.cache import Cache
from rustbed.errors import MachineError
from rustbed.host import Qemu
from rustbed.kernel.artifact import Kernel
from rustbed.machine.booting import boot
from rustbed.machine.spec import MachineSpec
from rustbed.machine.watching import Patience
from rustbed.progress import Progress, Report

_KIND = "accel"
# seconds without output after which a guest under an unproven KVM is given up; a working one needs tenths
_SILENCE_S = 5.0


def prove_kvm(cache: Cache, kernel: Kernel, initramfs: Path, qemu: Qemu, report: Report) -> bool:
    """Boot once under KVM and remember, until the host reboots, whether that worked."""

    def fill(directory: Path) -> dict[str, object]:
        report(Progress(what=f"trying KVM for {kernel.arch}"))
        spec = MachineSpec(kernel=kernel, initramfs=initramfs, accel="kvm")
        with tempfile.TemporaryDirectory(prefix="rustbed-") as scratch:
            try:
                with boot(spec, qemu, Path(scratch), patience=Patience(silence_s=_SILENCE_S)):
                    works = True
            except MachineError:
                works = False
        report(Progress(what=f"KVM for {kernel.arch} {'works' if works else 'does not work'}", finished=True))
        return {"works": works, "arch": kernel.arch.name, "boot": host.boot_id()}

    key = caching.hash_text("kvm", kernel.arch.name, host.boot_id(), qemu.identity)
    return bool(cache.publish(_KIND, key, fill)["works"])


def proven_arches(cache: Cache) -> set[str]:
    """Return the names of the architectures that a boot under KVM worked for since this host started."""
    directory = cache.root / _KIND
    names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
    proofs = [facts for name in names if (facts := cache.find(_KIND, name)) is not None]
    now = host.boot_id()
    return {str(facts["arch"]) for facts in proofs if facts["works"] and facts.get("boot") == now}
