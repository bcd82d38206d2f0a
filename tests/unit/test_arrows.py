"""The project's shape: arrows, circles, private names, sizes; each check with what it must reject."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterable
from pathlib import Path
from statistics import median

import pytest
from tests.shape import (
    find_arrows,
    find_circles,
    find_imports,
    find_names,
    find_third_party,
    load_sources,
)

from rustbed.arch import ARCHES
from rustbed.cli.main import COMMANDS

HARNESS = Path(__file__).parent.parent.parent / "harness"
SOURCES = load_sources(HARNESS)
MODULES = sorted(SOURCES.keys() - {"rustbed"})


@pytest.fixture(autouse=True, scope="module")
def _without_garbage_of_others() -> None:
    """Let what other tests left end now: if it ends while Python 3.11 parses, that is a SystemError."""
    gc.collect()


# a module may import from its own folder and from lower ranks; a folder's name stands for what is in it
RANKS = (
    ("errors", "runfiles", "archrow"),
    ("deadline", "process", "arch", "progress", "data", "yamlfile", "escape", "here", "checked"),
    ("cache",),
    ("beside", "scratch", "together"),
    ("host", "log", "procfs", "packed"),
    ("toolroot",),
    ("kernel",),
    ("symbols", "image", "report", "logfiles"),
    ("guest", "explained"),
    ("devices",),
    ("machine",),
    ("forks", "instruments", "bundle", "packs"),
    ("kvm",),
    ("prepare",),
    ("request", "testrun", "options", "bench", "rebuild"),
    ("repro", "life"),
    ("bisect", "farm", "lab"),
    ("plugin", "cli"),
    ("__main__",),
)
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}

# what a row says of its architecture, and what other programs call those that may come
ARCH_NAMES = {
    name
    for row in ARCHES.values()
    for name in (row.name, row.kernel_arch, row.source_arch, row.debian_arch, row.qemu, row.triple)
} | {"arm", "armv7l", "armhf", "s390", "s390x", "loongarch", "loongarch64", "loong64", "powerpc", "ppc64"}

# the rows of architectures; what others call them; the gate of the project, which has one debug kernel
NAMING = ("rustbed.arch", "rustbed.report.archwords", "rustbed.cli.check")


def stage(module: str) -> str:
    return module.split(".")[1]


def later_imports(module: str, source: str) -> list[str]:
    own = stage(module)
    seen = [[*origin.split("."), name][1] for origin, name in find_imports(source)]
    return [name for name in seen if name in RANK and name != own and RANK[name] >= RANK[own]]


def private_imports(module: str, source: str) -> list[str]:
    return [
        f"{origin}.{name}"
        for origin, name in find_imports(source)
        if name.startswith("_") and stage(f"{origin}.{name}") != stage(module)
    ]


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_to_earlier_stages(module: str) -> None:
    assert stage(module) in RANK, f"{stage(module)} has no place in the order of stages"
    assert later_imports(module, SOURCES[module]) == []


@pytest.mark.parametrize(
    "source",
    [
        "from rustbed.machine.vm import Vm",
        "from rustbed import machine",
        "import rustbed.machine.vm",
        "def f():\n    from rustbed.machine import vm",
        "from rustbed.report import verdict",
    ],
)
def test_an_import_that_points_up_or_sideways_is_seen(source: str) -> None:
    assert later_imports("rustbed.image.cpio", source) != []


def test_no_modules_import_each_other() -> None:
    assert find_circles(find_arrows({name: SOURCES[name] for name in MODULES})) == []


def test_a_circle_is_seen_whatever_its_length() -> None:
    sources = {
        "rustbed.a": "from rustbed.b import c",
        "rustbed.b.c": "import rustbed.d",
        "rustbed.d": "def f():\n    from rustbed.a import g",
        "rustbed.e": "from rustbed.a import g",
        "rustbed.f": "",
    }
    assert find_circles(find_arrows(sources)) == [["rustbed.a", "rustbed.b.c", "rustbed.d"]]


def commands_imported(module: str, source: str) -> list[str]:
    seen = {each for origin, name in find_imports(source) for each in (origin, f"{origin}.{name}")}
    return sorted(seen & {f"rustbed.cli.{name}" for name in COMMANDS} - {module})


@pytest.mark.parametrize("module", MODULES)
def test_no_module_imports_that_of_a_command(module: str) -> None:
    assert commands_imported(module, SOURCES[module]) == []


@pytest.mark.parametrize(
    "source", ["from rustbed.cli.boot import find_modules", "from rustbed.cli import boot"]
)
def test_an_import_of_a_command_is_seen(source: str) -> None:
    assert commands_imported("rustbed.cli.model", source) == ["rustbed.cli.boot"]


@pytest.mark.parametrize("module", MODULES)
def test_private_names_stay_in_their_stage(module: str) -> None:
    assert private_imports(module, SOURCES[module]) == []


def test_a_private_name_of_another_stage_is_seen() -> None:
    assert private_imports("rustbed.image.cpio", "from rustbed.kernel.make import _argv") != []


def importers(packages: Iterable[str]) -> set[str]:
    return {stage(module) for module in MODULES if find_third_party(SOURCES[module], set(packages))}


def test_only_the_plugin_imports_pytest() -> None:
    assert importers(("pytest", "_pytest", "pluggy", "xdist")) == {"plugin"}


@pytest.mark.parametrize("module", [module for module in MODULES if module not in NAMING])
def test_no_module_names_an_architecture(module: str) -> None:
    """Differences between architectures are fields of their rows, so nothing has to ask which one it is."""
    assert find_names(SOURCES[module], ARCH_NAMES) == []


@pytest.mark.parametrize(
    "source",
    [
        'arch.name == "x86_64"',
        'arch.name != "riscv"',
        '"arm64" == arch.name',
        'arch.name in ("x86_64", "arm64")',
        'arch.qemu in {"aarch64"}',
        'arch.name not in frozenset(["s390x"])',
        'match arch.name:\n    case "arm64":\n        pass',
        'match arch.name:\n    case "arm64" | "arm":\n        pass',
        'SLOTS = {"x86_64": 4, "arm64": 2}',
        'SLOTS["loongarch64"]',
        'MAGICS = ((0x202, b"HdrS", "x86_64"),)',
        'SLOTS.get("riscv64", 2)',
        'arch.name.startswith("arm")',
        'arch.name.endswith(("s390x", "s390"))',
    ],
)
def test_a_named_architecture_is_seen(source: str) -> None:
    assert find_names(source, ARCH_NAMES) != []


def find_derived(sources: Iterable[str]) -> list[tuple[str, str]]:
    """Return the classes that derive from one of ours, and that; models of PCI devices and errors may."""
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    ours = {node.name for node in classes} - {"PciDevice"}
    bases = [(node.name, ast.unparse(base).partition("[")[0]) for node in classes for base in node.bases]
    return [(name, base) for name, base in bases if base in ours and not base.endswith("Error")]


def test_no_class_derives_from_another_of_ours() -> None:
    assert find_derived(SOURCES.values()) == []
    assert find_derived(["class A: ...", "class B(A): ...\nclass C(Exception): ..."]) == [("B", "A")]


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    assert {name: lines for name in MODULES if (lines := len(SOURCES[name].splitlines())) > 300} == {}


def test_half_of_the_functions_are_at_most_ten_lines_long() -> None:
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for source in SOURCES.values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
    ]
    assert median(lengths) <= 10
