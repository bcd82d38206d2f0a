"""One test's machines, from the first boot to the verdict.

Owns which machines a test has, where their files go and when they are judged.
Knows no pytest: the plugin tells it what the test did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from rustbed import host, runfiles
from rustbed.cache import write_atomically
from rustbed.errors import HostError, MachineError
from rustbed.forks.machines import Machines
from rustbed.instruments.coverage.executed import find_executed, read_record, render_executed
from rustbed.instruments.instrument import Instrument
from rustbed.instruments.watched import LINGER_S, Watched, watch
from rustbed.kernel.artifact import Kernel
from rustbed.log.record import render_records
from rustbed.log.splat import Splat, find_splats
from rustbed.log.stuck import parse_hang
from rustbed.log.symbolize import Blame, Build
from rustbed.machine.live import Live
from rustbed.machine.running import RunFiles, read_console
from rustbed.machine.spec import MachineSpec
from rustbed.machine.vm import Vm
from rustbed.prepare import Platform
from rustbed.report import rundir
from rustbed.report.verdict import (
    GRAVITY,
    Expectation,
    MachineReport,
    Outcome,
    Verdict,
    judge,
    render_failure,
)
from rustbed.symbols import debugfiles
from rustbed.symbols.debugfiles import DebugFiles, files_of
from rustbed.symbols.lines import read_lines, read_place
from rustbed.toolroot.toolroot import find_toolroot


@dataclass
class TestRun:
    """The machines of one test, and their results.

    `look` collects facts from the machines, `judge` makes a verdict of them and the test's outcome, `write`
    saves it in the run directory. All three may be repeated, because the teardown of fixtures may cause new
    kernel messages.
    """

    # pytest's node id
    test: str
    directory: Path
    machines: Machines
    # the test's file; a red run keeps a copy of it
    source: Path | None = None
    expected: Sequence[Expectation] = ()
    # multiplies deadlines: more than one worker on a host
    slowness: float = 1.0
    # least seconds from the last load, unload, bind or unbind to judgement
    linger_s: float = LINGER_S
    # directory in which its QEMUs record the executed code; None: no recording
    coverage: Path | None = None
    verdict: Verdict | None = None
    # outcome and reason of its setup, its function, a failed part of that, and its teardown
    _told: dict[str, tuple[Outcome, str]] = field(default_factory=dict)
    _watched: list[Watched] = field(default_factory=list)
    # by run directory: the machines' reports, and the same with source lines
    _seen: dict[Path, MachineReport] = field(default_factory=dict)
    _refined: dict[Path, MachineReport] = field(default_factory=dict)
    _stuck: dict[Path, Blame | None] = field(default_factory=dict)
    _debug_files: dict[Path, DebugFiles] = field(default_factory=dict)
    # by run directory: what fetches the symbols of a kernel from a pack
    _symbols: dict[Path, Platform] = field(default_factory=dict)

    @contextmanager
    def machine(
        self,
        platform: Platform,
        spec: MachineSpec,
        instruments: Sequence[Instrument] = (),
        *,
        from_boot: bool,
    ) -> Iterator[Vm]:
        """Start a machine for this test; its log counts from its boot, or from when it was ready."""
        number = len(self._debug_files) + 1
        directory = self.directory if number == 1 else self.directory / f"machine-{number}"
        self._keep(directory, _find_debug_files(platform))
        if platform.packed is not None:
            self._symbols[directory] = platform
        try:
            with self.machines.machine(
                spec, platform.qemu, directory, slowness=self.slowness, fresh=from_boot
            ) as vm:
                vm.forker = partial(self._copies, platform, instruments)
                with self._watching(vm, instruments):
                    yield vm
        except MachineError as error:
            if directory not in self._seen:
                self._seen[directory] = _report_unbooted(spec, directory, error)
            raise

    @contextmanager
    def _watching(self, vm: Vm, instruments: Sequence[Instrument]) -> Iterator[None]:
        watched = watch(vm.live, instruments, self.linger_s)
        self._watched.append(watched)
        try:
            yield
        finally:
            # what stands on it has been torn down by now
            self._look(watched)
            self._watched.remove(watched)
            self._cover(watched.live)

    def _cover(self, live: Live) -> None:
        """Leave in the machine's run directory what of its modules ran."""
        if self.coverage is not None and live.loads:
            executed = find_executed(read_record(self.coverage, live.qemu_pid), live.loads)
            write_atomically(live.run_dir / runfiles.EXECUTED, render_executed(executed))

    @contextmanager
    def _copies(
        self, platform: Platform, instruments: Sequence[Instrument], vm: Vm, count: int
    ) -> Iterator[tuple[Vm, ...]]:
        """Copy a machine of this test as it is now; each copy is one more of its machines."""
        first = len(self._debug_files) + 1
        directories = [self.directory / f"machine-{number}" for number in range(first, first + count)]
        for directory in directories:
            self._keep(directory, self._debug_files[vm.run_dir])
            if platform.packed is not None:
                self._symbols[directory] = platform
        with ExitStack() as stack:
            twins = stack.enter_context(
                self.machines.copies(vm, platform.qemu, directories, slowness=self.slowness)
            )
            for twin in twins:
                twin.forker = vm.forker
                twin.live.moved_at = vm.live.moved_at
                stack.enter_context(self._watching(twin, instruments))
            yield twins

    @property
    def alive(self) -> tuple[Live, ...]:
        """The machines that still take commands."""
        return tuple(watched.live for watched in self._watched if watched.live.ended is None)

    @property
    def waiting(self) -> str:
        """What is waited for in one of its machines, "" if nothing is; any thread may ask."""
        return next((live.talk.waiting for live in self.alive if live.talk.waiting), "")

    @property
    def reports(self) -> tuple[MachineReport, ...]:
        """What the machines left behind, as of the last look."""
        return tuple(self._refined.get(path, seen) for path, seen in self._seen.items())

    def look(self) -> None:
        """Take down what the living machines have said until now."""
        for watched in self._watched:
            self._look(watched)

    def _look(self, watched: Watched) -> None:
        directory = watched.live.run_dir
        with rundir.kept(directory):
            report = watched.look()
        if self._seen.get(directory) != report:
            self._seen[directory] = report
            self._refined.pop(directory, None)
        files = self._debug_files[directory]
        for load in watched.live.loads:
            files = files.with_module(load.name, load.path, load.text)
        self._keep(directory, files)

    def _keep(self, directory: Path, files: DebugFiles) -> None:
        """Leave in a run directory what its addresses are looked up in."""
        if self._debug_files.get(directory) != files:
            self._debug_files[directory] = files
            with rundir.kept(directory):
                directory.mkdir(parents=True, exist_ok=True)
                write_atomically(directory / runfiles.SYMBOLS, debugfiles.render_files(files))

    def judge(self, phase: str = "", outcome: Outcome = Outcome.PASS, reason: str = "") -> Verdict:
        """Judge the test, of which a phase ended as `outcome`; without a phase it is over.

        The gravest phase counts. A declared splat has until the end of the teardown to come.
        """
        if phase:
            self._told[phase] = (outcome, reason)
        is_over = phase in ("", "teardown")
        told = min(self._told.values(), key=lambda each: GRAVITY[each[0]], default=(Outcome.PASS, ""))
        self._find_stuck()
        self._refine(judge(*told, self.reports, self.expected).splats)
        # again: a declaration may name a function as debug information does
        self.verdict = judge(*told, self.reports, self.expected, is_over=is_over)
        return self.verdict

    def tell_once(self, phase: str, outcome: Outcome, reason: str) -> None:
        """Note how a part of the test ended; the first one stands."""
        self._told.setdefault(phase, (outcome, reason))

    def write(self) -> None:
        """Leave the verdict in the run directory, and a copy of the test if it is red. Raises HostError."""
        assert self.verdict is not None, "judge first"
        with rundir.kept(self.directory):
            rundir.write_verdict(
                self.directory / runfiles.VERDICT, self.verdict, self.reports, test=self.test
            )
            if self.verdict.is_red and self.source is not None:
                rundir.keep_source(self.directory, self.source)

    def _find_stuck(self) -> None:
        """Let the reports of machines that hang say where in a driver."""
        for path, seen in self._seen.items():
            log = path / runfiles.HANG
            if seen.ended is not Outcome.HANG or seen.stuck is not None or not log.is_file():
                continue
            if path not in self._stuck:
                found = parse_hang(log.read_text(errors="replace"))
                frame = found.frame if found else None
                self._fetch_symbols(path)
                self._stuck[path] = read_place(frame, self._debug_files.get(path)) if frame else None
            self._seen[path] = replace(seen, stuck=self._stuck[path])

    def _refine(self, undeclared: Sequence[Splat]) -> None:
        """Let the reports have lines of source for the splats that were not declared."""
        for path, seen in self._seen.items():
            wanted = [splat for splat in seen.splats if splat in undeclared]
            if wanted and path not in self._refined:
                self._fetch_symbols(path)
                lines = read_lines(seen.records, wanted, self._debug_files[path], Build())
                self._refined[path] = replace(
                    seen,
                    splats=tuple(lines.refined.get(splat, splat) for splat in seen.splats),
                    annotated=lines.records,
                    blames=lines.blames,
                    notes=lines.notes,
                )

    def _fetch_symbols(self, directory: Path) -> None:
        """Let addresses of a kernel from a pack be looked up: a first red test wants its symbols."""
        if (platform := self._symbols.pop(directory, None)) is None:
            return
        assert platform.packed is not None, "only those are kept"
        fetched = _find_debug_files(platform, platform.packed.symbols_if_any(platform.kernel))
        for name, file in self._debug_files[directory].files.items():
            here = fetched.files.get(name)
            if file.loaded_at is not None:
                fetched = fetched.with_module(name, here.path if here else file.path, file.loaded_at)
        self._keep(directory, fetched)

    def explain(self) -> str:
        """Return the failure text: of the first machine that speaks against the test, else of the first."""
        if self.verdict is None or not self.reports:
            return ""
        guilty = [report for report in self.reports if report.splats or report.ended]
        return render_failure(self.verdict, (guilty or self.reports)[0])

    def kernel_log(self) -> str:
        """Return the kernel log windows of all machines."""
        return "\n\n".join(render_records(report.records) for report in self.reports)


def _report_unbooted(spec: MachineSpec, directory: Path, error: MachineError) -> MachineReport:
    records = read_console(RunFiles(directory=directory).console, error.console_end)
    return MachineReport(
        arch=spec.arch.name,
        release=spec.kernel.release,
        accel=spec.accel,
        boot_ms=None,
        records=records,
        splats=find_splats(records),
        taints=(),
        ended=Outcome(error.outcome),
        reason=error.headline,
        run_dir=directory,
        hang=error.hang,
    )


def _find_debug_files(platform: Platform, kernel: Kernel | None = None) -> DebugFiles:
    # with a kernel from a pack there may be no toolroot, and none is made for this
    root = find_toolroot(platform.packed.cache) if platform.packed is not None else platform.toolchain.root
    try:
        symbolizer = host.program_in(root, "llvm-symbolizer", package="llvm")
    except HostError:
        # said when it is wanted
        symbolizer = ("llvm-symbolizer",)
    return files_of(kernel or platform.kernel, symbolizer, root)
