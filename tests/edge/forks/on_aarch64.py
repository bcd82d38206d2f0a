"""Runs the tests of this folder on an aarch64 host, which is emulated here.

    python -m tests.edge.forks.on_aarch64 DIRECTORY

Not part of the gate: it takes a quarter of an hour, and fetches Debian's arm64 packages. DIRECTORY must be
empty or absent, the toolroot in the cache. What is committed is tested. Arguments for pytest may follow.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

from rustbed.arch import require_arch
from rustbed.cache import Cache, default_root
from rustbed.host import find_qemu
from rustbed.image.cpio import Kind, Member, character_device, render_cpio
from rustbed.toolroot.mirror import find_mirror
from rustbed.toolroot.toolroot import find_toolroot

REPOSITORY = Path(__file__).parents[3]
SUITE = "trixie"
# no script of theirs is run, so that this host needs not run their programs
PACKAGES = (
    *(
        "linux-image-arm64",
        "base-files",
        "busybox-static",
        "dash",
        "coreutils",
        "util-linux",
        "gcc",
        "libc6-dev",
    ),
    *("python3", "python3-pytest", "python3-pexpect", "python3-yaml", "python3-junit.xml"),
    *("python3-hypothesis", "python3-zstandard", "git"),
)
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/lib/modules/*")
# of what this session has, pure Python that Debian does not have
PURE = ("qemu",)

INIT = """#!/bin/busybox sh
export PATH=/usr/sbin:/usr/bin HOME=/root LANG=C.UTF-8 PYTHONPATH=/pure:/repository/src
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t tmpfs tmpfs /tmp
/bin/busybox ip link set lo up
uname -a
cd /repository
python3 -m pytest -p no:cacheprovider --color=no {arguments}
echo "status $?"
/bin/busybox poweroff -f
"""


def fetch_root(root: Path) -> None:
    """Unpack Debian's packages for the host, as far as they are needed."""
    words = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    sources = [f"deb {find_mirror()} {SUITE} main"]
    argv = ["mmdebstrap", "--variant=extract", "--architectures=arm64", *words]
    argv += [f"--include={','.join(PACKAGES)}", SUITE, "-", *sources]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as packages:
        unpack = ["tar", "-x", "-C", str(root), "--no-same-owner", "--exclude=./dev/*"]
        subprocess.run(unpack, stdin=packages.stdout, check=True)
    if packages.returncode:
        sys.exit(packages.returncode)


def furnish(root: Path, arguments: list[str]) -> None:
    """Add what the packages' scripts would have made, this repository, and what runs its tests."""
    for name in ("proc", "sys", "dev", "tmp", "root", "repository", "pure"):
        (root / name).mkdir(exist_ok=True)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    # Debian makes this link in a script
    (root / "usr/bin/cc").symlink_to("gcc")
    (root / "init").write_text(INIT.format(arguments=shlex.join(arguments)))
    (root / "init").chmod(0o755)
    files = subprocess.run(
        ["git", "-C", str(REPOSITORY), "archive", "HEAD"], stdout=subprocess.PIPE, check=True
    )
    subprocess.run(["tar", "-x", "-C", str(root / "repository")], input=files.stdout, check=True)
    for name in PURE:
        subprocess.run(
            ["cp", "-r", f"{sysconfig.get_path('purelib')}/{name}", str(root / "pure")], check=True
        )


def members(root: Path) -> list[Member]:
    """Return all below a directory but the kernel, as members of an archive."""
    found = [character_device("dev/console", 5, 1)]
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name.startswith("boot/"):
            continue
        mode = path.lstat().st_mode
        kind = Kind(mode & 0o170000)
        data = str(path.readlink()).encode() if kind is Kind.SYMLINK else b""
        data = path.read_bytes() if kind is Kind.FILE else data
        found.append(Member(name=name, kind=kind, mode=mode & 0o7777, data=data))
    return sorted(found, key=lambda member: member.name)


def main(directory: Path, arguments: list[str]) -> int:
    """Make the host in a directory and run pytest with arguments on it; return its status."""
    root = directory / "root"
    root.mkdir(parents=True)
    fetch_root(root)
    furnish(root, arguments or ["tests/edge/forks", "-v"])
    (directory / "initramfs").write_bytes(render_cpio(members(root)))
    (kernel,) = (root / "boot").glob("vmlinuz-*")
    qemu = find_qemu(require_arch("arm64"), toolroot=find_toolroot(Cache(default_root())))
    # with pointer authentication and branch targets, as Debian's programs are compiled
    argv = [*qemu.program, "-M", "virt", "-cpu", "max,pauth-impdef=on", "-smp", "2", "-m", "4G"]
    argv += ["-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio", "-kernel", str(kernel)]
    argv += ["-initrd", str(directory / "initramfs"), "-append", "console=ttyAMA0 quiet panic=-1"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=dict(qemu.env), text=True) as host:
        assert host.stdout is not None
        status = 1
        for line in host.stdout:
            sys.stdout.write(line)
            if line.startswith("status "):
                status = int(line.split()[1])
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
