"""Looks frames up in vmlinux and in modules with debug information.

Owns the checks that a file is the one that ran, because lines of another build are worse than none. One
process of llvm-symbolizer reads the debug information for all frames.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os.path import normpath
from pathlib import Path

from rustbed import process
from rustbed.errors import HostError
from rustbed.log.demangle import demangle
from rustbed.log.frame import Frame
from rustbed.log.symbolize import Build, Located, Place, Symbols
from rustbed.symbols.debugfiles import DebugFile, DebugFiles, SourceTree
from rustbed.symbols.functions import Functions, of_size
from rustbed.symbols.objectfile import Level, ObjectFile, read_object

# seconds for reading the debug information of a few objects; a large vmlinux takes tenths
_LOOKUP_S = 60.0
# Rust's own library in paths of a kernel build; what comes before differs from host to host
_RUST_LIBRARY = re.compile(r".*/(?=library/(?:core|alloc|std)/src/)")
# a function that every vmlinux has, and its file: the path before that is the directory of the build
_FIRST, _FIRST_FILE = "start_kernel", "/init/main.c"
# programs that the running kernel generates, and that no file has
_MADE_THERE = re.compile(r"(?:bpf_prog|bpf_trampoline|ftrace_trampoline)\w*")


_START = Frame(symbol=_FIRST, offset=0, size=0, module="", returns=False)


class _UntrustedError(Exception):
    """Why a file's lines would be wrong."""


@dataclass(frozen=True, kw_only=True)
class _Question:
    """An address that a frame may mean."""

    frame: Frame
    # the file with its debug information
    file: DebugFile
    object: ObjectFile
    # of the instruction: the call, or where the processor stopped
    address: int
    # the symbol it belongs to, and the bytes from there to where the frame points
    symbol: str
    offset: int


def look_up(frames: Iterable[Frame], files: DebugFiles, build: Build) -> Symbols:
    """Return the places of frames; some may be missing, for reasons in the notes.

    `build` has what the log says about the kernel that ran. Raises HostError if llvm-symbolizer does not run.
    """
    wanted: dict[str, list[Frame]] = {}
    for frame in frames:
        wanted.setdefault(frame.module if frame.symbol else _module_at(frame, files), []).append(frame)
    notes: list[str] = []
    questions: list[_Question] = []
    for module, group in wanted.items():
        file = files.files.get(module)
        what = f"module {module}" if module else "vmlinux"
        if file is None or not file.path.is_file():
            if any(frame.symbol for frame in group):
                notes.append(f"{what}: no file with debug information")
            continue
        try:
            questions += _find_addresses(file, group, build)
        except (_UntrustedError, OSError, ValueError) as error:
            notes.append(f"{what}: {error} ({file.path})")
    answers = _answer(questions, files.symbolizer)
    located: dict[Frame, set[Located]] = {}
    root = _find_root(questions, answers)
    for question, levels in zip(questions, answers, strict=True):
        if question.frame is _START:
            continue
        # the directory of vmlinux may be far above that of its source
        own = () if question.frame.module else (*files.sources, *root)
        sources = (*own, *files.sources_of(question.file), *root)
        located.setdefault(question.frame, set()).add(_locate(question, levels, sources))
    several = dict.fromkeys(frame.symbol for frame, made in located.items() if len(made) > 1)
    notes += [f"{name}: several functions have this name and this size" for name in several]
    return Symbols(
        found={frame: made.pop() for frame, made in located.items() if len(made) == 1}, notes=tuple(notes)
    )


# -- from frames to addresses ------------------------------------------------------


def _module_at(frame: Frame, files: DebugFiles) -> str:
    """Return the module loaded nearest below an address for which the kernel printed no symbol."""
    below = [
        (file.loaded_at, module)
        for module, file in files.files.items()
        if file.loaded_at is not None and file.loaded_at <= frame.offset
    ]
    return max(below)[1] if below else ""


def _find_addresses(file: DebugFile, frames: Sequence[Frame], build: Build) -> list[_Question]:
    """Return the questions about frames in one file. Raises _UntrustedError, or ValueError for a bad file."""
    found = read_object(file.path)
    known = _require_same_build(found, file, frames, build)
    if not found.has_debug_information:
        raise _UntrustedError("it has no debug information")
    functions = found.functions
    questions = []
    for frame in frames:
        for target in _targets(frame, functions, file.loaded_at, known=known):
            symbol, start = frame.symbol, target - frame.offset
            if not frame.symbol or (frame.returns and not frame.offset):
                symbol, start = functions.around(target - frame.returns)
            questions.append(
                _Question(
                    frame=frame,
                    file=file,
                    object=found,
                    address=target - frame.returns,
                    symbol=symbol,
                    offset=target - start,
                )
            )
    return questions + [
        replace(question, frame=_START, address=first.address)
        for question in questions[:1]
        for first in functions.named(_FIRST)[:1]
    ]


def _targets(frame: Frame, functions: Functions, loaded_at: int | None, *, known: bool) -> list[int]:
    """Return the addresses that a frame may mean, one for each function that fits."""
    if not frame.symbol:
        text = next((section for section in functions.elf.sections if section.name == ".text"), None)
        if loaded_at is None or text is None or not 0 <= frame.offset - loaded_at < text.size:
            return []
        return [text.address + frame.offset - loaded_at]
    named = functions.named(frame.symbol)
    fitting = of_size(named, frame.size)
    if not fitting and not known and not _MADE_THERE.match(frame.symbol):
        printed = f"{frame.symbol}+{frame.offset:#x}/{frame.size:#x}"
        there = f"has {named[0].size:#x} bytes there" if named else "is not there"
        raise _UntrustedError(f"it is of another build, {printed} {there}")
    return [function.address + frame.offset for function in fitting]


# -- trust -------------------------------------------------------------------------


def _require_same_build(found: ObjectFile, file: DebugFile, frames: Sequence[Frame], build: Build) -> bool:
    """Raise _UntrustedError if a file is not the one that ran; return whether it is known to be that one."""
    printed = {frame.build_id for frame in frames if frame.build_id}
    recorded = {file.build_id} if file.build_id else printed
    if found.build_id and recorded:
        if recorded != {found.build_id}:
            raise _UntrustedError("it was built again since, its build id differs")
        return True
    if build.banner and found.banner and not found.banner.startswith(build.banner):
        raise _UntrustedError(f"it is of another build, the log's is: {build.banner}")
    if build.release and found.release and found.release != build.release:
        raise _UntrustedError(f"it is of {found.release}, the log of {build.release}")
    return False


# -- from addresses to places ------------------------------------------------------


def _answer(questions: Sequence[_Question], program: Sequence[str]) -> list[Sequence[Level]]:
    """Return the functions at each address; llvm-symbolizer is asked for those that are new."""
    new = {
        (question.object, question.address): question.file.path
        for question in questions
        if question.address not in question.object.answers
    }
    with tempfile.TemporaryDirectory(prefix="rustbed-") as scratch:
        paths: dict[ObjectFile, Path] = {}
        for (found, _), path in new.items():
            if found.laid_out is None:
                paths[found] = path
            elif found not in paths:
                paths[found] = Path(scratch, str(len(paths)))
                paths[found].write_bytes(found.laid_out)
        answers = symbolize(program, [(paths[found], address) for found, address in new])
    for (found, address), levels in zip(new, answers, strict=True):
        found.answers[address] = levels
    return [question.object.answers[question.address] for question in questions]


def parse_answer(text: str) -> list[tuple[Level, ...]]:
    """Parse llvm-symbolizer's JSON, a line for each address: the functions there, innermost first."""
    return [
        tuple(
            Level(
                symbol=level["FunctionName"],
                file=level["FileName"],
                line=level["Line"],
                declared=(level.get("StartFileName", ""), level.get("StartLine", 0)),
            )
            for level in json.loads(line).get("Symbol", ())
        )
        for line in text.splitlines()
        if line.startswith("{")
    ]


def symbolize(program: Sequence[str], questions: Sequence[tuple[Path, int]]) -> list[tuple[Level, ...]]:
    """Return the functions at addresses of files, innermost first. HostError if llvm-symbolizer fails."""
    if not questions:
        return []
    answer = process.run(
        [*program, "--output-style=JSON", "--no-demangle", "--functions=linkage", "--inlines"],
        attempted="looking up addresses in debug information",
        stdin="".join(f'"{path}" {address:#x}\n' for path, address in questions).encode(),
        timeout_s=_LOOKUP_S,
    )
    try:
        found = parse_answer(answer.text)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise HostError("llvm-symbolizer's answer cannot be read", said=answer.text[:500]) from error
    if len(found) != len(questions):
        said = answer.stderr.decode(errors="replace")[-500:]
        raise HostError(f"llvm-symbolizer answered {len(found)} of {len(questions)} questions", said=said)
    return found


def _find_root(questions: Sequence[_Question], answers: Sequence[Sequence[Level]]) -> tuple[SourceTree, ...]:
    """Return the directory that a kernel was built from, taken from the file of its first function."""
    files = [
        levels[-1].file
        for question, levels in zip(questions, answers, strict=True)
        if question.frame is _START and levels
    ]
    roots = (normpath(file).removesuffix(_FIRST_FILE) for file in files if file.endswith(_FIRST_FILE))
    return tuple(SourceTree(seen=root, here=Path(root)) for root in roots if root)


def _locate(question: _Question, levels: Sequence[Level], sources: Sequence[SourceTree]) -> Located:
    made_ns = question.file.path.stat().st_mtime_ns
    # llvm-symbolizer takes a nearer label for the name of the outermost function
    outermost = replace(levels[-1], symbol=question.symbol) if levels else None
    named = (*levels[:-1], outermost) if outermost else ()
    return Located(
        symbol=question.symbol,
        offset=question.offset,
        places=tuple(place_of(level, sources, made_ns) for level in named),
    )


def place_of(level: Level, sources: Sequence[SourceTree], made_ns: int) -> Place:
    """Return a function's place, without a path if the source is newer than the object: its lines moved."""
    name, path = locate_source(level.file, sources)
    here = str(path) if path is not None and path.stat().st_mtime_ns <= made_ns else ""
    return Place(function=demangle(level.symbol), file=name, line=level.line, path=here)


def locate_source(seen: str, sources: Sequence[SourceTree]) -> tuple[str, Path | None]:
    """Return a source file's name for people, and its path on this host, None if it is not here.

    A driver author's file is named relative to where the tests ran, so that editors and CI servers find it.
    """
    seen = normpath(seen) if seen else ""
    for tree in sources:
        if seen.startswith(f"{tree.seen}/"):
            name = seen.removeprefix(f"{tree.seen}/")
            here = tree.here / name
            shown = str(Path(tree.named, name))
            return _RUST_LIBRARY.sub("", shown), here if here.is_file() else None
    known = Path(seen).is_absolute() and Path(seen).is_file()
    return _RUST_LIBRARY.sub("", seen), Path(seen) if known else None
