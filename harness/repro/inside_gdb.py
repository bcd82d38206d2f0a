"""Runs inside gdb: attaches to a machine, loads symbols of its modules, stops at its splat.

debugger.py sets FACTS_FILE, a JSON file with: socket, code_at (where the kernel's code begins; 0: where
it was linked for), modules (name to file),
loaded (name to section to address), breakpoints, trees, copies of drivers' sources, the registers in struct
pt_regs, and whether to take snapshots of the machine, which going backwards needs.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import gdb
from gdb.unwinder import Unwinder, register_unwinder

# prefixes of the functions that call handlers of exceptions and interrupts
ENTRY_CODE = (
    *("asm_exc_", "asm_sysvec_", "asm_common_interrupt", "asm_spurious_interrupt"),
    # arch/arm/kernel/entry-armv.S
    *("__dabt_svc", "__pabt_svc", "__und_svc", "__irq_svc", "__fiq_svc"),
    # arch/s390/kernel/entry.S
    *("pgm_check_handler", "ext_int_handler", "io_int_handler", "mcck_int_handler"),
    # arch/powerpc/kernel/exceptions-64s.S
    *("data_access_", "instruction_access_", "alignment_common", "program_check_common"),
    *("hardware_interrupt_common", "decrementer_common", "doorbell_super_common", "soft_nmi_common"),
    # arch/loongarch/kernel/traps.c: the copies of the handlers of genex.S; mm/tlbex.S
    *("exception_handlers", "tlb_do_page_fault_"),
)

FACTS: dict[str, Any] = json.loads(Path(globals()["FACTS_FILE"]).read_text())
# names of modules whose symbols are loaded
LOADED: set[str] = set(FACTS["loaded"])


def quoted(path: object) -> str:
    """Quote any path for gdb's commands."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def add_module(name: str, sections: dict[str, int]) -> None:
    """Load the symbols of a module with these section addresses."""
    path = FACTS["modules"].get(name.replace("-", "_"))
    if path is None or not Path(path).exists() or ".text" not in sections:
        gdb.write(f"no symbols for the module {name}\n")
        return
    rest = " ".join(
        f"-s {section} {address:#x}" for section, address in sections.items() if section != ".text"
    )
    gdb.execute(f"add-symbol-file {quoted(path)} {sections['.text']:#x} {rest}", to_string=True)


class ModuleLoaded(gdb.Breakpoint):  # type: ignore[misc] # gdb has no types
    """Stops for a moment when the kernel is about to run a module's first function."""

    def stop(self) -> bool:
        """Load its symbols, once, and go on."""
        try:
            module = gdb.selected_frame().read_var("mod")
            name = module["name"].string()
            # a session that goes backwards comes here again
            if name not in LOADED:
                LOADED.add(name)
                add_module(name, read_sections(module))
                save(name)
        except (gdb.error, ValueError) as error:
            gdb.write(f"a module was loaded, its symbols were not: {error}\n")
        return False


def read_sections(module: Any) -> dict[str, int]:
    """Return the addresses that /sys/module/NAME/sections would show."""
    attributes = module["sect_attrs"]["grp"]
    names = [field.name for field in attributes.type.fields()]
    rows = attributes["bin_attrs_new" if "bin_attrs_new" in names else "bin_attrs"]
    found = {}
    index = 0
    while rows[index]:
        found[rows[index]["attr"]["name"].string()] = int(rows[index]["private"])
        index += 1
    return found


def save(name: str) -> None:
    """Take a snapshot of a recording; QEMU goes backwards by running forwards from an earlier snapshot."""
    if FACTS["snapshots"]:
        gdb.execute(f"monitor savevm {name}", to_string=True)


def stop_at(symbol: str) -> None:
    """Set a breakpoint, if the kernel has the symbol."""
    for kind in ("-qualified", ""):
        # the second pattern is for Rust: the function may be in any crate
        with contextlib.suppress(gdb.error):
            gdb.execute(f"break {kind} {symbol}", to_string=True)
            return


class FrameId:
    """A frame id for gdb. gdb has a class for this since version 14 only."""

    def __init__(self, sp: Any, pc: Any) -> None:
        self.sp = sp
        self.pc = pc


class ExceptionUnwinder(Unwinder):  # type: ignore[misc] # gdb has no types
    """Unwinds from the kernel's entry code to the code that an exception or interrupt interrupted.

    The entry code calls a handler with the saved registers (struct pt_regs) at its stack pointer, but debug
    information does not describe that.
    """

    def __init__(self) -> None:
        super().__init__("rustbed exceptions")

    def __call__(self, pending: Any) -> Any:
        """Return the registers of the interrupted code; None for other frames."""
        pc, sp = pending.read_register("pc"), pending.read_register("sp")
        if not str(gdb.execute(f"info symbol {int(pc):#x}", to_string=True)).startswith(ENTRY_CODE):
            return None
        word = gdb.lookup_type("unsigned long")
        # s390's callers leave space for a callee, whose frame includes it: this one begins above that
        names = FACTS["saved_registers"]
        space = next(index for index, name in enumerate(names) if name != "-") * word.sizeof
        unwind = pending.create_unwind_info(FrameId(gdb.Value(int(sp) + space), pc))
        for index, name in enumerate(names):
            if name != "-":
                address = gdb.Value(int(sp) + index * word.sizeof)
                # segments and flags have half of the size of their slots
                kind = pending.read_register(name).type
                unwind.add_saved_register(name, address.cast(kind.pointer()).dereference())
        return unwind


def move_kernel() -> None:
    """Move the kernel's symbols to where it runs: s390's is not linked for that address."""
    moved = FACTS["code_at"] and FACTS["code_at"] - int(gdb.parse_and_eval("(unsigned long)&_text"))
    if moved:
        vmlinux = quoted(gdb.objfiles()[0].filename)
        gdb.execute("symbol-file", to_string=True)
        gdb.execute(f"symbol-file -o {moved:#x} {vmlinux}", to_string=True)


def show_driver() -> None:
    """Select the newest frame of source outside of the kernel and of Rust's library, if there is one."""
    elsewhere = (*(inside for inside, _ in FACTS["trees"]), "./", "/usr/lib/rustlib/")
    frame = gdb.newest_frame()
    while frame is not None:
        symtab = frame.find_sal().symtab
        if symtab is not None and not symtab.filename.startswith(elsewhere):
            frame.select()
            gdb.execute("frame")
            return
        frame = frame.older()


# the limit is for code that is not described, where gdb may find the same frame for ever
for setting in (
    "backtrace limit 200",
    "pagination off",
    "confirm off",
    "breakpoint pending off",
    "print asm-demangle on",
):
    gdb.execute(f"set {setting}")
if FACTS["saved_registers"]:
    register_unwinder(None, ExceptionUnwinder())
for path, instead in FACTS["trees"]:
    gdb.execute(f"set substitute-path {quoted(path)} {quoted(instead)}")
for copy in FACTS["copies"]:
    # compilers see each of them at /module: files of the first one are found in any directory of it
    gdb.execute(f"directory {quoted(copy)}", to_string=True)
if FACTS["copies"]:
    gdb.execute(f"set substitute-path /module {quoted(FACTS['copies'][0])}")
move_kernel()
gdb.execute(f"target remote {FACTS['socket']}")
if FACTS["snapshots"]:
    # QEMU (11.1.3) cannot go back to its own snapshot of the reset, and does not report that it
    # arrived at the first: going back ends at this breakpoint
    stop_at("start_kernel")
    gdb.execute("continue", to_string=True)
    save("start_kernel")
for name, sections in FACTS["loaded"].items():
    add_module(name, sections)
try:
    ModuleLoaded("do_init_module", internal=True)
except (gdb.error, RuntimeError) as error:
    gdb.write(f"modules that are loaded from now on will have no symbols: {error}\n")
for symbol in FACTS["breakpoints"]:
    stop_at(symbol)
gdb.execute("continue")
with contextlib.suppress(gdb.error):
    # the machine may have ended
    show_driver()
