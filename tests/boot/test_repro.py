"""Red tests reproduced from their run directories and from bundles, here and as if elsewhere."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from rustbed.arch import Arch
from rustbed.cache import Cache, default_root
from rustbed.guest.shell import READY
from rustbed.kernel.artifact import Kernel
from rustbed.repro.qemu_program import find_emulator
from tests.boot import pytest_runs
from tests.sharing import make_once

# a machine with slots, and on request two without, one of them with a big-endian kernel
pytestmark = pytest.mark.arches("x86_64", "s390x", "powerpc64le")

OOPS = "test_oopses_in_the_middle"
PLUGGED = "test_fails_with_a_device_plugged_in"
ENDINGS = ("test_asserts_in_vain", OOPS, "test_panics", PLUGGED)
# of the kernel's words on a fault, those that all architectures have
FAULT = "nable to handle"


@dataclass(frozen=True)
class Elsewhere:
    """The red runs, and what another machine would have: QEMU, an empty directory, an empty cache."""

    results: Path
    qemu: Path
    directory: Path

    def run(self, name: str) -> Path:
        return pytest_runs.run_directory(self.results, pytest_runs.cases(self.results)[name])

    def rustbed(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*words),
            env=self.env,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=1200,
        )

    @staticmethod
    def argv(*words: str | Path) -> list[str]:
        return [sys.executable, "-m", "rustbed.cli", *map(str, words)]

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "RUSTBED_CACHE": str(self.directory / "cache"), "TERM": "dumb"}

    def bundle(self, name: str, *words: str) -> Path:
        done = self.rustbed("repro", "pack", self.run(name), *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return self.directory / done.stdout.split()[0]


@pytest.fixture
def elsewhere(
    kernel: Kernel,
    arch: Arch,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Elsewhere:
    """Run the scene once for all tests here, and wrap the toolroot's QEMU into a program of one word."""

    def run(results: Path) -> None:
        argv = pytest_runs.pytest_argv(request.config, "scene_repro.py", arch, results)
        subprocess.run(argv, capture_output=True, check=False)

    results = make_once(request.config, tmp_path_factory, f"repro-{kernel.key}", run)
    option = request.config.getoption
    cache = Cache(Path(option("--cache")).absolute() if option("--cache") else default_root())
    found = find_emulator(arch, Path(option("--qemu")) if option("--qemu") else None, cache)
    programs = tmp_path / "bin"
    programs.mkdir()
    qemu = programs / f"qemu-system-{arch.qemu}"
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in found.env)
    qemu.write_text(f'#!/bin/sh\n{exports}exec {shlex.join(found.program)} "$@"\n')
    qemu.chmod(0o755)
    directory = tmp_path / "elsewhere"
    directory.mkdir()
    return Elsewhere(results, qemu, directory)


def test_red_runs_are_listed(elsewhere: Elsewhere) -> None:
    listed = elsewhere.rustbed("repro", "list", elsewhere.results / "latest").stdout
    assert [name for name in ENDINGS if name in listed] == list(ENDINGS)
    assert len(listed.splitlines()) == len(ENDINGS)


@pytest.mark.parametrize("name", ENDINGS)
def test_a_bundle_reproduces_its_failure(elsewhere: Elsewhere, name: str) -> None:
    done = elsewhere.rustbed("repro", "run", elsewhere.bundle(name), "--qemu", elsewhere.qemu)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("same: ")
    assert not (elsewhere.directory / "cache").exists()


def test_a_run_directory_does_too(elsewhere: Elsewhere) -> None:
    done = elsewhere.rustbed("repro", "run", elsewhere.run(OOPS), "--qemu", elsewhere.qemu)
    assert (done.returncode, done.stdout.splitlines()[-1].partition(":")[0]) == (0, "same")
    assert "rmmod rust_debugfs_scoped" in done.stdout


def test_what_does_not_come_again_is_different(elsewhere: Elsewhere, tmp_path: Path) -> None:
    """A transcript without the command that did it is a kernel that does not do it."""
    run = tmp_path / "run"
    shutil.copytree(elsewhere.run(OOPS), run)
    transcript = run / "transcript.jsonl"
    lines = transcript.read_text().splitlines(keepends=True)
    transcript.write_text("".join(line for line in lines if "rmmod" not in line))
    done = elsewhere.rustbed("repro", "run", run, "--qemu", elsewhere.qemu)
    assert (done.returncode, done.stdout.splitlines()[-1].partition(":")[0]) == (1, "different")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--qemu", "/nonexistent"), "is not an executable file"),
        (("--qemu", "/bin/true"), "not a QEMU system emulator"),
    ],
)
def test_without_qemu_nobody_can_judge(elsewhere: Elsewhere, words: tuple[str, str], said: str) -> None:
    done = elsewhere.rustbed("repro", "run", elsewhere.run(OOPS), *words)
    assert (done.returncode, done.stdout.partition(":")[0]) == (2, "cannot judge")
    assert said in done.stdout


def test_a_damaged_bundle_cannot_be_judged(elsewhere: Elsewhere) -> None:
    bundle = elsewhere.bundle(OOPS)
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 0xFF
    bundle.write_bytes(data)
    done = elsewhere.rustbed("repro", "run", bundle, "--qemu", elsewhere.qemu)
    assert (done.returncode, done.stdout.partition(":")[0]) == (2, "cannot judge")


@pytest.mark.parametrize(
    ("name", "said", "logged"),
    [
        (OOPS, "done 6", FAULT),
        ("test_panics", "insmod /lib/modules/rust_minimal.ko", "Kernel panic - not syncing: sysrq triggered"),
        (PLUGGED, "0x0005", "1b36:0005"),
    ],
)
def test_a_bundles_script_needs_qemu_and_sh_alone(
    elsewhere: Elsewhere, request: pytest.FixtureRequest, name: str, said: str, logged: str
) -> None:
    if name == PLUGGED:
        request.getfixturevalue("slots")
    programs = elsewhere.qemu.parent
    for program in ("sh", "cat", "dirname", "mkfifo", "rm", "sed"):
        (programs / program).symlink_to(shutil.which(program) or program)
    subprocess.run(["tar", "-xf", elsewhere.bundle(name)], cwd=elsewhere.directory, check=True)
    (script,) = elsewhere.directory.glob("*/run.sh")
    done = subprocess.run(
        [programs / "sh", script],
        env={"PATH": str(programs)},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert READY.decode() in done.stdout
    assert said in done.stdout
    assert logged in (script.parent / "console.again.log").read_text()
    assert not list(script.parent.glob("*.in"))


def test_a_shell_is_in_the_machine_before_the_failing_command(elsewhere: Elsewhere, arch: Arch) -> None:
    program, *words = elsewhere.argv("repro", "shell", elsewhere.run(OOPS), "--qemu", elsewhere.qemu)
    terminal = pexpect.spawn(
        program, words, env=elsewhere.env, cwd=elsewhere.directory, timeout=1200, encoding="utf-8"
    )
    terminal.expect_exact("next    2. insmod")
    terminal.expect_exact(f"{arch}:/# ")
    terminal.sendline("cat /tmp/x/y /proc/sys/kernel/tainted; exit 7")
    terminal.expect_exact("\nhello")
    terminal.expect_exact("\n0")
    terminal.expect_exact(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 7


def test_gdb_stops_at_the_splat_with_the_modules_symbols(elsewhere: Elsewhere) -> None:
    if shutil.which("gdb") is None and shutil.which("gdb-multiarch") is None:
        pytest.skip("gdb is not installed")
    bundle = elsewhere.bundle("test_panics", "--debug-info")
    batch = ("--batch", "bt 2", "--batch", "info symbol cleanup_module")
    done = elsewhere.rustbed("repro", "gdb", bundle, "--qemu", elsewhere.qemu, *batch)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sysrq_handle_crash" in done.stdout
    assert "cleanup_module in section .exit.text" in done.stdout


def test_gdb_without_symbols_says_what_to_do(elsewhere: Elsewhere) -> None:
    done = elsewhere.rustbed("repro", "gdb", elsewhere.bundle(OOPS), "--qemu", elsewhere.qemu)
    assert done.returncode == 2
    assert "repro pack --debug-info" in done.stderr


def test_on_failure_there_is_a_shell_in_the_living_machine_or_before_its_death(
    kernel: Kernel, arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    scene = ("-k", "middle or panics", "--on-failure", "shell")
    program, *words = pytest_runs.pytest_argv(request.config, "scene_repro.py", arch, tmp_path, *scene)
    terminal = pexpect.spawn(
        program, words, env={**os.environ, "TERM": "dumb"}, timeout=1200, encoding="utf-8"
    )
    terminal.expect_exact("FAIL: ")
    terminal.expect_exact(f"\n{arch}# ")
    terminal.sendline("dmesg | grep -o full_proxy_release; exit 7")
    terminal.expect_exact("\nfull_proxy_release")
    terminal.expect_exact("\n[7]")
    terminal.expect_exact(f"\n{arch}# ")
    terminal.sendeof()
    terminal.expect_exact("the machine is gone")
    terminal.expect_exact(f"{arch}:/# ")
    terminal.sendline("cut -d' ' -f1 /proc/modules; exit")
    terminal.expect_exact("\nrust_minimal")
    terminal.expect_exact("2 failed")
    terminal.close()


def test_a_recording_of_a_bundle_is_played_back_to_the_last_byte(elsewhere: Elsewhere) -> None:
    qemu = ("--qemu", elsewhere.qemu)
    done = elsewhere.rustbed("repro", "record", elsewhere.bundle(OOPS), "-o", "kept", *qemu)
    assert done.returncode == 0, done.stdout + done.stderr
    console = elsewhere.directory / "kept" / "console.log"
    assert FAULT in console.read_text()
    played = elsewhere.rustbed("repro", "replay", "kept", *qemu)
    assert (played.returncode, played.stdout.partition(":")[0]) == (0, "same")
    console.write_text(console.read_text().replace("Linux version", "Linux Version"))
    played = elsewhere.rustbed("repro", "replay", "kept", *qemu)
    assert (played.returncode, played.stdout.partition(":")[0]) == (1, "different")


@pytest.mark.usefixtures("slots")
def test_what_the_monitor_was_told_cannot_be_recorded(elsewhere: Elsewhere) -> None:
    run = elsewhere.run(PLUGGED)
    done = elsewhere.rustbed("repro", "record", run, "--qemu", elsewhere.qemu)
    assert done.returncode == 2
    assert "monitor cannot be recorded" in done.stderr
