"""One test's machines, from the first boot to the verdict.

Owns which machines a test has, where their files go and when they are judged.
Knows no pytest: the plugin tells it what the test did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from rustbed import host
from rustbed.errors import CommandError, HarnessError, HostError, LostError, MachineError
from rustbed.forks.machines import Machines
from rustbed.instruments import kmemleak
from rustbed.log.record import Record, render_records
from rustbed.log.splat import Kind, Splat, find_splats, new_taints
from rustbed.log.symbolize import Build
from rustbed.machine.running import RunFiles, read_console
from rustbed.machine.spec import MachineSpec
from rustbed.machine.vm import Vm
from rustbed.prepare import Platform
from rustbed.report import rundir
from rustbed.report.verdict import (
    Expectation,
    MachineReport,
    Outcome,
    Verdict,
    judge,
    render_failure,
)
from rustbed.symbols import debugfiles
from rustbed.symbols.debugfiles import DebugFiles, files_of
from rustbed.symbols.lines import read_lines


@dataclass
class TestRun:
    """What one test has started and what became of it."""

    # pytest's node id
    test: str
    directory: Path
    machines: Machines
    # the file that the test is in; a copy of it stays with a red run
    source: Path | None = None
    expected: Sequence[Expectation] = ()
    # multiplies deadlines: more than one worker on a host
    slowness: float = 1.0
    # whether its machines are searched for leaked memory at its end
    leaks: bool = False
    reports: list[MachineReport] = field(default_factory=list)
    verdict: Verdict | None = None
    # the machines that live, and what their clocks said before the test, if leaks are looked for
    _open: dict[Vm, int | None] = field(default_factory=dict)
    _living: list[Vm] = field(default_factory=list)
    _started: int = 0
    # by run directory
    _debug_files: dict[Path, DebugFiles] = field(default_factory=dict)

    @contextmanager
    def machine(self, platform: Platform, spec: MachineSpec, *, from_boot: bool) -> Iterator[Vm]:
        """Start a machine for this test; its log counts from its boot, or from when it was ready."""
        self._started += 1
        directory = self.directory if self._started == 1 else self.directory / f"machine-{self._started}"
        self._keep(directory, _find_debug_files(platform))
        try:
            with self.machines.machine(
                spec, platform.qemu, directory, slowness=self.slowness, fresh=from_boot
            ) as vm:
                self._living.append(vm)
                self._open[vm] = kmemleak.read_clock(vm.run) if self.leaks else None
                try:
                    yield vm
                finally:
                    self._living.remove(vm)
                    self._conclude(vm)
        except MachineError as error:
            if not any(report.run_dir == directory for report in self.reports):
                self.reports.append(_report_unbooted(spec, directory, error))
            raise

    @property
    def alive(self) -> tuple[Vm, ...]:
        """The machines that still take commands, judged or not."""
        return tuple(vm for vm in self._living if vm.ended is None)

    def _conclude(self, vm: Vm) -> None:
        """Take down what a machine leaves behind, once."""
        if vm in self._open:
            self.reports.append(_report(vm, self._open.pop(vm)))
            files = self._debug_files[vm.run_dir]
            for name, (path, address) in vm.loaded.items():
                files = files.with_module(name, path, address)
            self._keep(vm.run_dir, files)

    def _keep(self, directory: Path, files: DebugFiles) -> None:
        """Leave in a run directory what its addresses are looked up in."""
        if self._debug_files.get(directory) != files:
            self._debug_files[directory] = files
            directory.mkdir(parents=True, exist_ok=True)
            rundir.replace_text(directory / debugfiles.NAME, debugfiles.render_files(files))

    def finish(self, outcome: Outcome, reason: str) -> Verdict:
        """Judge the test: everything its machines said until now counts. The first verdict stands."""
        for vm in list(self._open):
            self._conclude(vm)
        if self.verdict is None:
            self._look_up(judge(outcome, reason, self.reports, self.expected).splats)
            # again: a declaration may name a function as debug information does
            self.verdict = judge(outcome, reason, self.reports, self.expected)
            rundir.write_verdict(self.directory / rundir.VERDICT, self.verdict, self.reports, test=self.test)
            if self.verdict.is_red and self.source is not None:
                rundir.keep_source(self.directory, self.source)
        return self.verdict

    def _look_up(self, undeclared: Sequence[Splat]) -> None:
        """Let the reports have lines of source for the splats that nobody declared."""
        for number, report in enumerate(self.reports):
            wanted = [splat for splat in report.splats if splat in undeclared]
            if not wanted:
                continue
            lines = read_lines(report.records, wanted, self._debug_files[report.run_dir], Build())
            self.reports[number] = replace(
                report,
                splats=tuple(lines.refined.get(splat, splat) for splat in report.splats),
                annotated=lines.records,
                blames=lines.blames,
                notes=lines.notes,
            )

    def explain(self) -> str:
        """Return the failure text: of the first machine that speaks against the test, else of the first."""
        if self.verdict is None or not self.reports:
            return ""
        guilty = [report for report in self.reports if report.splats or report.ended]
        return render_failure(self.verdict, (guilty or self.reports)[0])

    def kernel_log(self) -> str:
        """Return the kernel log windows of all machines."""
        return "\n\n".join(render_records(report.records) for report in self.reports)


def _report(vm: Vm, clock: int | None) -> MachineReport:
    before = vm.taint_at_begin
    unsearched = ""
    try:
        records = tuple(vm.judged)
        taint = vm.taint if vm.ended is None else None
        taints = () if taint is None or before is None else new_taints(before, taint)
        # after the records were taken: the search is announced in the log, whosever leaks it finds
        leaked, unsearched = _leaked(vm, clock)
        records = (*records, *leaked)
    except HarnessError:
        # the machine died just now: what it said until then is still there, and vm.ended says how
        records, taints = tuple(vm.judged), ()
    wanted = vm.end_is_wanted and isinstance(vm.ended, LostError)
    ended = None if wanted else vm.ended
    (vm.run_dir / rundir.KERNEL).write_text(render_records(records) + "\n")
    return MachineReport(
        arch=vm.arch,
        release=vm.kernel.release,
        accel=vm.spec.accel,
        boot_ms=vm.boot_ms,
        records=records,
        splats=(
            *find_splats(records),
            *_damage(Kind.FLOOD, vm.log_damage),
            *_damage(Kind.LEAK, unsearched),
        ),
        taints=taints,
        ended=Outcome(ended.outcome) if ended is not None else None,
        reason=ended.headline if ended is not None else "",
        run_dir=vm.run_dir,
        hang=ended.hang if ended is not None else "",
    )


def _leaked(vm: Vm, clock: int | None) -> tuple[tuple[Record, ...], str]:
    """Return what the kernel says of leaked memory, and why it says nothing, if it should and cannot."""
    if clock is None or vm.ended is not None:
        return (), ""
    try:
        return kmemleak.find_leaks(vm.run, clock), ""
    except CommandError as error:
        return (), error.headline


def _damage(kind: Kind, what: str) -> tuple[Splat, ...]:
    """Return what is wrong with the evidence itself: what is not whole proves nothing."""
    return (Splat(kind=kind, title=what, function="", fatal=False, first=0, last=-1),) if what else ()


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


def _find_debug_files(platform: Platform) -> DebugFiles:
    root = platform.toolchain.root
    try:
        symbolizer = host.program_in(root, "llvm-symbolizer", package="llvm")
    except HostError:
        # said when it is wanted
        symbolizer = ("llvm-symbolizer",)
    return files_of(platform.kernel, symbolizer, root)
