"""What is left of a push that did not succeed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_PUSH = """
import sys
from pathlib import Path
from rustbed.errors import HostError
from rustbed.packs.push import push_qemu
from rustbed.progress import ignore
from rustbed.toolroot.packages import Package

root = Path(sys.argv[1])
package = Package(name="qemu-system-x86", arch="amd64", version="1", root=root)
try:
    push_qemu(package, "amd64", Path(sys.argv[2]), ignore)
except HostError as error:
    print(error.headline)
"""


@pytest.mark.parametrize("room", ["nr_inodes=2", "nr_inodes=4", "size=64k"])
def test_a_full_disk_is_named_wherever_it_is_noticed(tmp_path: Path, room: str) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/qemu").write_bytes(bytes(range(256)) * 4096)
    namespace = ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this host does not let this user make a mount namespace")
    (tmp_path / "disk").mkdir()
    fill = "head -c 60k /dev/zero >$0/fill; " if room.startswith("size") else ""
    commands = f'mount -t tmpfs -o {room} tmpfs $0 && {{ {fill}exec "$@"; }}'
    argv = [sys.executable, "-c", _PUSH, str(tmp_path / "root"), str(tmp_path / "disk/packs")]
    done = subprocess.run(
        [*namespace, "sh", "-c", commands, str(tmp_path / "disk"), *argv],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"writing a pack: no space left in {tmp_path}/disk/packs\n", done.stderr
