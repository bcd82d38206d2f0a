"""From a run directory to a bundle and back to what there is to reproduce."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.repro.scenes import OOPS, make_run, real_spec

from rustbed.bundle.archive import describe_file, unpack_bundle, write_bundle
from rustbed.bundle.manifest import BundleError, Manifest
from rustbed.errors import UsageError
from rustbed.kernel.artifact import Module
from rustbed.machine.spec import Hardware
from rustbed.repro.pack import pack_run
from rustbed.repro.scene import load_run, open_scene


def pack(run: Path, directory: Path, *, debug_info: bool = False) -> tuple[Path, Manifest]:
    scratch = directory / "scratch"
    scratch.mkdir()
    out = directory / "out"
    out.mkdir()
    return pack_run(run, out, debug_info=debug_info, scratch=scratch, version="1")


def test_a_run_has_everything_that_is_needed(tmp_path: Path) -> None:
    scene = load_run(make_run(tmp_path))
    assert scene.splats == (OOPS,)
    assert [command.text for command in scene.commands] == ["cat >/x", "rmmod toy", "echo after"]
    assert scene.spec == real_spec(tmp_path / "files")
    assert scene.read_input(scene.commands[0].stdin or "") == b"hello\n"


def test_a_bundle_has_the_same_and_needs_nothing_else(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    there = load_run(run)
    path, _ = pack(run, tmp_path)
    assert path.name == "test_toy-test_toy-x86_64.rustbed.tar.gz"
    with open_scene(path) as scene:
        assert (scene.test, scene.outcome, scene.splats) == (there.test, there.outcome, there.splats)
        assert scene.commands == there.commands
        assert scene.spec.kernel.image.read_text() == "bzImage"
        assert scene.spec.initramfs.read_text() == "initramfs"
        assert scene.read_input(scene.commands[0].stdin or "") == b"hello\n"
        assert (scene.directory / "source/test_toy.py").is_file()
        unpacked = scene.directory
    assert not unpacked.exists()


def test_no_path_of_this_host_is_in_it(tmp_path: Path) -> None:
    path, manifest = pack(make_run(tmp_path), tmp_path)
    assert str(tmp_path) not in json.dumps([manifest.machine, manifest.argv])
    with tarfile.open(path) as packed:
        script = packed.extractfile("test_toy-test_toy-x86_64/run.sh")
        assert script is not None
        assert str(tmp_path).encode() not in script.read()


def test_debug_information_comes_on_request(tmp_path: Path) -> None:
    spec = real_spec(tmp_path / "files")
    (tmp_path / "files/vmlinux").write_text("symbols")
    (tmp_path / "files/toy.ko").write_text("module")
    kernel = replace(
        spec.kernel,
        vmlinux=tmp_path / "files/vmlinux",
        modules={"toy": Module(name="toy", path=tmp_path / "files/toy.ko")},
    )
    run = make_run(tmp_path, kernel=kernel)
    path, manifest = pack(run, tmp_path, debug_info=True)
    assert {"kernel/vmlinux", "kernel/modules/toy.ko"} <= set(manifest.files)
    with open_scene(path) as scene:
        assert scene.spec.kernel.modules["toy"].path.read_text() == "module"
    bare = tmp_path / "bare"
    bare.mkdir()
    path, manifest = pack(run, bare)
    assert not {"kernel/vmlinux", "kernel/modules/toy.ko"} & set(manifest.files)
    with open_scene(path) as scene:
        assert (scene.spec.kernel.vmlinux, scene.spec.kernel.modules) == (None, {})


DECLARED = {"kind": "warning", "title": "WARNING in toy", "fatal": False, "fingerprint": "bbb"}


@pytest.mark.parametrize("splats", [[], [DECLARED]])
def test_the_machine_that_speaks_against_the_test_is_taken(
    tmp_path: Path, splats: list[dict[str, object]]
) -> None:
    run = make_run(tmp_path)
    second = run / "machine-2"
    second.mkdir()
    for name in ("machine.json", "transcript.jsonl"):
        (second / name).write_bytes((run / name).read_bytes())
    verdict = json.loads((run / "verdict.json").read_text())
    quiet: dict[str, Any] = {"directory": ".", "splats": splats, "ended": None}
    verdict["machines"] = [quiet, {**verdict["machines"][0], "directory": "machine-2"}]
    (run / "verdict.json").write_text(json.dumps(verdict))
    assert load_run(run).directory == second


@pytest.mark.parametrize("name", ["verdict.json", "machine.json", "transcript.jsonl", "../files/initramfs"])
def test_a_run_that_lost_a_file_cannot_be_packed(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path)
    (run / name).unlink()
    with pytest.raises(UsageError, match=Path(name).name):
        pack(run, tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"machines": [], "test": ""}', '{"machines": 3}'])
def test_a_verdict_that_is_damaged_is_no_run(tmp_path: Path, text: str) -> None:
    run = make_run(tmp_path)
    (run / "verdict.json").write_text(text)
    with pytest.raises(UsageError, match=r"verdict|reproduced|damaged"):
        load_run(run)


@pytest.mark.parametrize(
    "hardware",
    [
        Hardware(qemu_args=("-drive", "file=/tmp/disk.img")),
        Hardware(devices=("virtio-blk-pci,drive=x",)),
        Hardware(devices=('{"driver": "vfio-user-pci"}',)),
    ],
)
def test_a_machine_with_files_of_the_host_cannot_travel(tmp_path: Path, hardware: Hardware) -> None:
    run = make_run(tmp_path, hardware=hardware)
    with pytest.raises(UsageError, match="cannot travel in a bundle"):
        pack(run, tmp_path)


# -- bundles of somebody who means harm ---------------------------------------------


def repack(path: Path, change: Callable[[dict[str, Any]], None], target: Path) -> Path:
    """Change a bundle's manifest behind the back of who packed it."""
    with tarfile.open(path) as packed:
        members = [(member, packed.extractfile(member)) for member in packed.getmembers()]
        contents = [(member.name, stream.read() if stream else b"") for member, stream in members]
    facts = json.loads(contents[0][1])
    change(facts)
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as packed:
        for name, data in [(contents[0][0], json.dumps(facts).encode()), *contents[1:]]:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            packed.addfile(entry, io.BytesIO(data))
    target.write_bytes(gzip.compress(raw.getvalue()))
    return target


def evil(**machine: object) -> Callable[[dict[str, Any]], None]:
    return lambda facts: facts["machine"].update(machine)


def evil_kernel(**kernel: object) -> Callable[[dict[str, Any]], None]:
    return lambda facts: facts["machine"]["kernel"].update(kernel)


@pytest.mark.parametrize(
    "change",
    [
        evil(initramfs="/etc/shadow"),
        evil(initramfs="../../etc/shadow"),
        evil(dtb="/etc/shadow"),
        evil(acpi_tables=["/etc/shadow"]),
        evil(qemu_args=["-incoming", "exec:touch /tmp/evil"]),
        evil(devices=["vfio-pci,host=01:00.0"]),
        evil(machine_options=["dumpdtb=/root/.bashrc"]),
        evil(accel="xen"),
        evil(accel="tcg,x=y"),
        evil(cpus="1"),
        evil(memory_mib=-1),
        evil(free_ports=10**9),
        evil(kernel=None),
        evil_kernel(image="/etc/shadow"),
        evil_kernel(arch="sparc"),
        lambda facts: facts.update(argv=["-drive", "file=/etc/shadow"]),
        lambda facts: facts.update(argv=[]),
        lambda facts: facts.update(outcome="wonderful"),
        lambda facts: facts.update(splats=[["nothing"]]),
        lambda facts: facts.update(machine={}),
    ],
)
def test_a_manifest_that_means_harm_is_refused(tmp_path: Path, change: Callable[..., None]) -> None:
    path, _ = pack(make_run(tmp_path), tmp_path)
    with pytest.raises(UsageError), open_scene(repack(path, change, tmp_path / "evil.tar.gz")):
        pass


def test_symbols_are_only_read_from_the_bundle(tmp_path: Path) -> None:
    path, _ = pack(make_run(tmp_path), tmp_path)
    modules = {"toy": {"path": "/etc/shadow", "depends": []}}
    harm = evil_kernel(vmlinux="/etc/shadow", modules=modules, source_dir="/", build_dir="/")
    with open_scene(repack(path, harm, tmp_path / "evil.tar.gz")) as scene:
        kernel = scene.spec.kernel
        assert (kernel.vmlinux, kernel.modules, kernel.source_dir, kernel.build_dir) == (None, {}, None, None)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"at": 1, "qmp": "migrate", "arguments": {"uri": "exec:sh"}}, "QEMU's monitor"),
        ({"at": 1, "run": "x", "stdin": "../../../etc/shadow"}, "lacks the input of a command"),
        ({"at": 1, "nonsense": 1}, "this is not a command"),
    ],
)
def test_a_transcript_that_means_harm_is_refused(tmp_path: Path, line: dict[str, Any], said: str) -> None:
    path, manifest = pack(make_run(tmp_path), tmp_path)
    top = tmp_path / "x"
    top.mkdir()
    unpack_bundle(path, top)
    transcript = top / "transcript.jsonl"
    transcript.write_text(json.dumps(line) + "\n")
    files = {**manifest.files, transcript.name: describe_file(transcript)}
    harm = tmp_path / "evil.rustbed.tar.gz"
    write_bundle(harm, replace(manifest, files=files), {name: top / name for name in files})
    with pytest.raises(UsageError, match=said), open_scene(harm):
        pass


def test_a_bundle_is_refused_before_anything_else_happens(tmp_path: Path) -> None:
    with pytest.raises(BundleError), open_scene(tmp_path / "gone"):
        pass
