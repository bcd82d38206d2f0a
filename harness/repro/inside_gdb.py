"""Runs inside gdb: attaches to a machine, knows its modules, stops at its splat.

debugger.py sets FACTS_FILE, a JSON file with: socket, modules (name to file),
loaded (name to section to address), breakpoints, trees, and whether the machine
is to have snapshots, from which it can go back.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import gdb

FACTS: dict[str, Any] = json.loads(Path(globals()["FACTS_FILE"]).read_text())
# names of modules whose symbols are known
LOADED: set[str] = set(FACTS["loaded"])


def quoted(path: object) -> str:
    """Return a path as gdb's commands take it, whatever is in its name."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def add_module(name: str, sections: dict[str, int]) -> None:
    """Load the symbols of a module that is at these addresses."""
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
            # a session that goes back passes here again
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
    """Take a snapshot, if the machine is to have any: it goes back by going forward from the last one."""
    if FACTS["snapshots"]:
        gdb.execute(f"monitor savevm {name}", to_string=True)


def stop_at(symbol: str) -> None:
    """Set a breakpoint, if the kernel has the symbol."""
    with contextlib.suppress(gdb.error):
        gdb.execute(f"break -qualified {symbol}", to_string=True)


for setting in ("pagination off", "confirm off", "breakpoint pending off", "print asm-demangle on"):
    gdb.execute(f"set {setting}")
for path, instead in FACTS["trees"]:
    gdb.execute(f"set substitute-path {quoted(path)} {quoted(instead)}")
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
