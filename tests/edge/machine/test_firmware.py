"""Device trees and ACPI tables, with stand-ins for the compilers and QEMU, and with the real ones."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.kernels import make_kernel
from tests.provided import missing

from rustbed.arch import ARCHES
from rustbed.cache import Cache, default_root
from rustbed.errors import HostError, UsageError
from rustbed.host import Qemu, find_qemu
from rustbed.machine.firmware import Source, compile_acpi, compile_device_tree
from rustbed.machine.spec import Hardware, MachineSpec
from rustbed.process import ProgramError
from rustbed.progress import ignore
from rustbed.toolroot.toolroot import open_toolchain

# what each program does, in sh: both compilers copy, and stumble over the word "typo"
PROGRAMS = {
    "iasl": """
        for word; do last=$word; done
        if grep -n typo "$last" >&2; then exit 255; fi
        cp "$last" table.aml
    """,
    "dtc": """
        for word; do last=$word; done
        case " $* " in *" -O dts "*) cat "$last"; exit ;; esac
        if grep -n typo "$last" >&2; then exit 1; fi
        cp "$last" tree.dtb
    """,
    "qemu": """
        [ ! -e "$home/broken" ] || { echo "unsupported machine type" >&2; exit 1; }
        for word; do case $word in *dumpdtb=*) echo "/* of $word */" >"${word##*dumpdtb=}" ;; esac; done
    """,
}

SpecMaker = Callable[..., MachineSpec]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-ins on PATH; they note their calls."""
    home = tmp_path / "programs"
    home.mkdir()
    for name, body in PROGRAMS.items():
        script = home / name
        script.write_text(f'#!/bin/sh\nhome={home}\necho {name} >>"$home/calls"\n{body}')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}:/usr/bin:/bin")
    return home


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def make_spec(tmp_path: Path) -> SpecMaker:
    def make(arch: str, image: bytes = b"", **fields: object) -> MachineSpec:
        path = tmp_path / "image"
        path.write_bytes(image)
        (tmp_path / "initramfs.cpio").write_bytes(b"070701")
        kernel = make_kernel(arch=ARCHES[arch], image=path)
        given: dict[str, object] = {"initramfs": tmp_path / "initramfs.cpio", **fields}
        return MachineSpec(kernel=kernel, **given)  # type: ignore[arg-type]

    return make


QEMU = Qemu(program=("qemu",), version=(11, 1, 3))


def calls(home: Path, name: str) -> int:
    log = home / "calls"
    return log.read_text().split().count(name) if log.exists() else 0


def test_table_is_compiled_once(home: Path, cache: Cache) -> None:
    source = Source(name="a.dsl", text="DefinitionBlock\n")
    tables = {compile_acpi(source, root=None, cache=cache) for _ in range(2)}
    assert [table.read_text() for table in tables] == ["DefinitionBlock\n"]
    assert calls(home, "iasl") == 1


@pytest.mark.usefixtures("home")
def test_bad_table_shows_the_complaint_and_leaves_nothing(cache: Cache) -> None:
    with pytest.raises(UsageError, match=r"a\.dsl does not compile\n +complaint +1:typo"):
        compile_acpi(Source(name="a.dsl", text="typo\n"), root=None, cache=cache)
    assert list((cache.root / "firmware").iterdir()) == []


def test_missing_compiler_is_named_with_its_package(home: Path, cache: Cache) -> None:
    (home / "iasl").unlink()
    with pytest.raises(HostError, match=r"iasl is not installed\n.*acpica-tools"):
        compile_acpi(Source(name="a.dsl", text=""), root=None, cache=cache)


def tree(spec: MachineSpec, cache: Cache, text: str = "/ { a { }; };", qemu: Qemu = QEMU) -> Path:
    return compile_device_tree(Source(name="a.dts", text=text), spec, qemu, root=None, cache=cache)


def test_tree_is_merged_into_that_of_the_machine(home: Path, cache: Cache, make_spec: SpecMaker) -> None:
    merged = tree(make_spec("arm64", hardware=Hardware(machine_options=("iommu=smmuv3",))), cache).read_text()
    lines = merged.splitlines()
    assert lines[0].startswith("/* of virt,gic-version=3,iommu=smmuv3,dumpdtb=")
    assert [line for line in lines[1:] if line] == ['# 1 "a.dts"', "/ { a { }; };"]
    assert calls(home, "qemu") == 1


def test_tree_is_made_anew_for_another_machine_only(home: Path, cache: Cache, make_spec: SpecMaker) -> None:
    same = {tree(make_spec("arm64"), cache), tree(make_spec("arm64", initramfs=Path("/other")), cache)}
    assert (len(same), calls(home, "qemu")) == (1, 1)
    kinds = (Hardware(cpus=2), Hardware(devices=("edu",)))
    others = {tree(make_spec("arm64", hardware=hardware), cache) for hardware in kinds}
    assert len(others | same) == 3


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("machine", ["arm64", "x86_64"])
def test_bad_tree_shows_the_complaint_and_leaves_nothing(
    cache: Cache, make_spec: SpecMaker, machine: str
) -> None:
    with pytest.raises(UsageError, match=r"a\.dts does not compile\n +complaint +\d+:typo"):
        tree(make_spec(machine), cache, "typo")
    assert list((cache.root / "firmware").iterdir()) == []


def test_qemu_that_gives_no_tree_is_quoted(home: Path, cache: Cache, make_spec: SpecMaker) -> None:
    (home / "broken").touch()
    with pytest.raises(ProgramError, match="asking QEMU for the device tree of arm64") as caught:
        tree(make_spec("arm64"), cache)
    assert "unsupported machine type" in str(caught.value)


def bzimage(sectors: int, size: int) -> bytes:
    """Return as much of a kernel image as QEMU looks at."""
    image = bytearray(size)
    image[0x1F1] = sectors
    image[0x202:0x206] = b"HdrS"
    return bytes(image)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("sectors", "setup"), [(31, 16384), (0, 2560)])
def test_tree_beside_acpi_is_found_where_qemu_tells_and_where_it_should(
    cache: Cache, make_spec: SpecMaker, sectors: int, setup: int
) -> None:
    size = 100_001
    given = tree(make_spec("x86_64", bzimage(sectors, size)), cache).read_bytes()
    blob = b'/dts-v1/;\n/ { #address-cells = <2>; #size-cells = <1>; };\n\n# 1 "a.dts"\n/ { a { }; };\n'
    # in the guest: the image without its setup code at 1 MiB, aligned, QEMU's header, what it was given
    aligned = (size + 15) // 16 * 16
    behind = 0x100000 + aligned - setup + 16
    told = 0x100000 + aligned
    # a QEMU that tells the right address leads to the beginning
    assert given.startswith(blob)
    # one that is off by the setup code leads to a header that leads to the rest
    following, kind, length = struct.unpack_from("<QII", given, told - behind)
    assert (kind, length) == (0, 0)
    assert following - told >= 0x10000
    last, kind, length = struct.unpack_from("<QII", given, following - behind)
    assert (last, kind, length) == (0, 2, len(blob))
    assert given[following - behind + 16 :] == blob


@pytest.mark.usefixtures("home")
def test_kernel_image_of_another_kind_gets_the_tree_as_it_is(cache: Cache, make_spec: SpecMaker) -> None:
    assert tree(make_spec("x86_64", b"\x7fELF"), cache).read_text().startswith("/dts-v1/;")


@pytest.mark.usefixtures("home")
def test_tree_too_large_to_stand_beside_acpi_is_refused(cache: Cache, make_spec: SpecMaker) -> None:
    with pytest.raises(UsageError, match="beside ACPI there is room for 2544"):
        tree(make_spec("x86_64", bzimage(0, 5000)), cache, "/" * 3000)


# -- the real programs -------------------------------------------------------------


@pytest.fixture(scope="session")
def toolroot() -> Path:
    """Return the toolroot; skip until the cache has one."""
    cache = Cache(default_root())
    if not any(cache.root.glob("toolroots/*/manifest.json")):
        missing(f"no toolroot in {cache.root}")
    root = open_toolchain("toolroot", cache, ignore).root
    assert root is not None
    return root


def test_iasl_compiles_and_complains_of_a_line(toolroot: Path, cache: Cache) -> None:
    good = 'DefinitionBlock ("", "SSDT", 2, "RSTBED", "T", 1)\n{\n    Name (AAAA, 1)\n}\n'
    assert (
        compile_acpi(Source(name="a.dsl", text=good), root=toolroot, cache=cache).read_bytes()[:4] == b"SSDT"
    )
    with pytest.raises(UsageError, match=r"a\.dsl does not compile") as caught:
        compile_acpi(Source(name="a.dsl", text=good.replace("1)\n}", "}")), root=toolroot, cache=cache)
    assert "a.dsl         3:" in str(caught.value)


@pytest.mark.parametrize("machine", ["x86_64", "arm64", "riscv64"])
def test_dtc_compiles_and_complains_of_a_line_of_the_source(
    toolroot: Path, cache: Cache, make_spec: SpecMaker, machine: str
) -> None:
    qemu = find_qemu(ARCHES[machine], toolroot=toolroot)
    spec = make_spec(machine, b"\0" * 4096)

    def compiled(text: str) -> bytes:
        source = Source(name="a.dts", text=text)
        return compile_device_tree(source, spec, qemu, root=toolroot, cache=cache).read_bytes()

    assert b"acme,thing" in compiled('/ {\n\tthing { compatible = "acme,thing"; };\n};\n')
    with pytest.raises(UsageError, match=r"a\.dts:2\.\d+-\d+"):
        compiled("/ {\n\tthing { reg = <1; };\n};\n")
    with pytest.raises(UsageError, match='non-existent node or label "nosuch"'):
        compiled("/ {\n\tthing { reg = <&nosuch>; };\n};\n")
