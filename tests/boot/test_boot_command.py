"""`rustbed boot` on real machines: what a driver author does by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from rustbed.arch import Arch

# the command is the same for all
pytestmark = pytest.mark.arches("x86_64")

MODULES = Path(__file__).parent / "modules"
BOOT = [sys.executable, "-m", "rustbed.cli", "boot"]


def boot(arch: Arch, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*BOOT, "--arch", arch.name, *words], capture_output=True, text=True, check=False)


def test_a_program_gets_its_words_and_its_status_is_ours(arch: Arch) -> None:
    done = boot(arch, "--", "sh", "-c", 'echo "$0"; exit 7', "a  b")
    assert (done.returncode, done.stdout) == (7, "a  b\n")


def test_ones_own_module_files_and_device_are_in_the_machine(arch: Arch, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("hello\n")
    words = ["--module", str(MODULES / "outside"), "--push", f"{tmp_path}/note:/etc/note", "--device", "edu"]
    command = "cat /etc/note; lsmod; modprobe rust_minimal && grep -l 11e8 /sys/bus/pci/devices/*/device"
    done = boot(arch, "--messages", *words, "--", command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("hello\nModule")
    assert "\noutside " in done.stdout
    assert "/sys/bus/pci/devices/" in done.stdout
    assert "\nrust_minimal: Am I built-in? false\n" in done.stderr


def test_what_the_kernel_reported_is_said_and_turning_off_is_an_end(arch: Arch) -> None:
    provoke = "echo said; (echo BUG >/sys/kernel/debug/provoke-crash/DIRECT); poweroff -f"
    done = boot(arch, "--module", "lkdtm", "--", provoke)
    assert done.returncode == 0
    # the shell of the subshell may tell of its death, too
    assert done.stdout.startswith("said\n")
    assert "rustbed: the kernel reported: kernel BUG in lkdtm_BUG\n" in done.stderr


def test_a_shell_follows_the_size_of_the_terminal_and_may_turn_the_machine_off(arch: Arch) -> None:
    prompt = r"# (\x1b\[6n)?$"
    shell = pexpect.spawn(
        BOOT[0], [*BOOT[1:], "--arch", arch.name], dimensions=(50, 132), timeout=600, encoding="utf-8"
    )
    shell.expect(prompt)
    shell.sendline("stty size")
    shell.expect("50 132\r")
    shell.expect(prompt)
    shell.setwinsize(33, 101)
    # the guest follows while the shell is idle: how soon is the host's affair
    shell.sendline("until stty size | grep '33 101'; do sleep 0.1; done")
    shell.expect("33 101\r")
    shell.expect(prompt)
    shell.sendline("poweroff -f")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 0


def test_a_shell_ends_where_its_script_ends(arch: Arch) -> None:
    done = subprocess.run(
        [*BOOT, "--arch", arch.name],
        input="cat /etc/passwd | wc -l\n(exit 5)",
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert done.returncode == 5, done.stdout
