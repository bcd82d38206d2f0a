"""Failures point at their line: by the failure text, by verdict.json, and later from the run directory."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import PROT_READ, mmap
from pathlib import Path

import pytest

from rustbed import runfiles
from rustbed.arch import Arch
from rustbed.cli.main import main
from rustbed.kernel.artifact import Kernel
from rustbed.log.frame import Frame
from rustbed.log.record import parse_console
from rustbed.log.splat import find_splats
from rustbed.log.symbolize import Build, find_build
from rustbed.symbols.debugfiles import parse_files
from rustbed.symbols.functions import Functions
from rustbed.symbols.lines import find_debug_files, read_lines
from rustbed.symbols.symbolizer import look_up
from tests.boot import pytest_runs

MODULE = Path(__file__).parent / "modules/pointed/pointed.rs"


@dataclass(frozen=True)
class Pointed:
    """A test of the scene and what its splat must be."""

    test: str
    kind: str
    function: str
    # the comment of the line to blame
    mark: str


POINTED = [
    Pointed("test_bad_pointer_in_an_inlined_function", "oops", "pointed::peek", "peek"),
    Pointed("test_call_that_never_returns", "rust-panic", "pointed::refuse", "refuse"),
    Pointed("test_panic_in_drop", "rust-panic", "<pointed::Pointed as core::ops::drop::Drop>::drop", "drop"),
    Pointed("test_warning", "warning", "pointed::warn", "warn"),
]
each_pointed = pytest.mark.parametrize("row", POINTED, ids=lambda row: row.test)

_ran: dict[str, Path] = {}


@pytest.fixture
def results(
    kernel: Kernel, arch: Arch, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Run the scene, once for each architecture."""
    if arch.name not in _ran:
        _ran[arch.name] = tmp_path_factory.mktemp(f"lines-{arch}")
        argv = pytest_runs.pytest_argv(request.config, "scene_lines.py", arch, _ran[arch.name])
        subprocess.run(argv, capture_output=True, check=False)
    return _ran[arch.name]


# as the session's working directory is the project's
FILE = str(MODULE.resolve()).removeprefix(f"{Path.cwd()}/")


def marked(name: str) -> int:
    """Return the number of the line that a comment of the module names."""
    lines = enumerate(MODULE.read_text().splitlines(), start=1)
    (number,) = [number for number, line in lines if line.endswith(f"// line: {name}")]
    return number


def directory(results: Path, test: str) -> Path:
    (found,) = (results / "latest").glob(f"*{test}*")
    return found


def kind_on(kernel: Kernel, row: Pointed) -> str:
    # KASAN sees a bad access before the processor does
    return "kasan" if row.kind == "oops" and kernel.has("CONFIG_KASAN") else row.kind


@each_pointed
def test_verdict_names_function_file_and_line(results: Path, kernel: Kernel, row: Pointed) -> None:
    verdict = json.loads((directory(results, row.test) / runfiles.VERDICT).read_text())
    # a kernel that goes on after a death may warn of what the dead left behind
    splat = verdict["splats"][0]
    assert {name: splat[name] for name in ("kind", "function", "file", "line")} == {
        "kind": kind_on(kernel, row),
        "function": row.function,
        "file": FILE,
        "line": marked(row.mark),
    }
    assert splat["title"].endswith(f" in {row.function}")
    assert splat["title"] in verdict["reason"]


@each_pointed
def test_failure_text_shows_the_source(results: Path, row: Pointed) -> None:
    failure = pytest_runs.cases(results)[row.test].find("failure")
    assert failure is not None
    text = failure.text or ""
    assert f"  blamed   {FILE}:{marked(row.mark)} in {row.function}\n" in text
    assert f"> {marked(row.mark)} | {MODULE.read_text().splitlines()[marked(row.mark) - 1]}\n" in text
    assert "symbols" not in text


def shown(results: Path, test: str) -> Iterator[str]:
    """Yield the lines of a splat as the failure text shows them, words a single space apart."""
    failure = pytest_runs.cases(results)[test].find("failure")
    for line in (failure.text or "" if failure is not None else "").splitlines():
        yield " ".join(re.sub(r"^.*?\[ *\d+\.\d+\] ", "", line).split())


def test_failure_text_shows_inlined_functions(results: Path) -> None:
    lines = list(shown(results, "test_bad_pointer_in_an_inlined_function"))
    inlined = lines.index(f"pointed::peek (inlined) {FILE}:{marked('peek')}")
    assert "pointed::follow+0x" in lines[inlined + 1]


# where no stack shows who panicked
UNSEEN = {"loongarch64": "loongarch-panics-have-no-caller"}


def test_failure_text_shows_the_boundary_of_rust_and_c(results: Path, arch: Arch) -> None:
    if arch.name in UNSEEN:
        pytest.skip(f"no stack shows who panicked: docs/findings/{UNSEEN[arch.name]}.md")
    lines = list(shown(results, "test_panic_in_drop"))
    drop = lines.index(f"<pointed::Pointed as core::ops::drop::Drop>::drop (inlined) {FILE}:{marked('drop')}")
    assert "---- Rust above, C below ----" in lines[drop:]


@each_pointed
def test_explain_of_the_saved_run_directory_tells_the_same(
    results: Path, kernel: Kernel, row: Pointed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(directory(results, row.test) / runfiles.CONSOLE), "--json"]) == 1
    said = capsys.readouterr()
    splat = json.loads(said.out)[0]
    assert {name: splat[name] for name in ("kind", "function", "file", "line")} == {
        "kind": kind_on(kernel, row),
        "function": row.function,
        "file": FILE,
        "line": marked(row.mark),
    }
    assert said.err == ""


def test_another_build_of_the_module_is_not_believed(results: Path, tmp_path: Path) -> None:
    """As after an edit: the file in the place of the one that ran has another build id."""
    run = directory(results, "test_bad_pointer_in_an_inlined_function")
    document = json.loads((run / runfiles.SYMBOLS).read_text())
    document["files"]["pointed"]["build_id"] = "00" * 20
    records = parse_console((run / runfiles.CONSOLE).read_text(errors="replace"))
    files = parse_files(json.dumps(document))
    lines = read_lines(records, find_splats(records), files, find_build(records))
    splat = next(iter(lines.refined.values()))
    assert (splat.function, splat.file, splat.line) == ("pointed::follow", None, None)
    (note,) = lines.notes
    assert note.startswith("module pointed: it was built again since")


def test_own_kernel_tells_which_of_its_functions_serve(kernel: Kernel, tmp_path: Path) -> None:
    """As of a vmlinux that came from elsewhere: where its source was is not known."""
    if kernel.vmlinux is None:
        pytest.skip(f"{kernel.key} has no vmlinux")
    with kernel.vmlinux.open("rb") as stream, mmap(stream.fileno(), 0, prot=PROT_READ) as contents:
        functions = Functions(contents)
        frames = {
            name: Frame(symbol=name, offset=4, size=named[0].room or 0, module="", returns=True)
            for name in ("kfree", "vfs_read", "kthread", "device_add")
            if len(named := functions.named(name)) == 1
        }
    files = find_debug_files(tmp_path / "log", vmlinux=kernel.vmlinux, modules=None, cache_root=tmp_path)
    assert files is not None
    found = look_up(frames.values(), files, Build()).found
    told = {name: found[frame].places[-1].file for name, frame in frames.items()}
    assert told == {
        "kfree": "mm/slub.c",
        "vfs_read": "fs/read_write.c",
        "kthread": "kernel/kthread.c",
        "device_add": "drivers/base/core.c",
    }
