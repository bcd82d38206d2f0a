#!/bin/sh
# pyelftools knows RISC-V: it names the machine, its sections and its relocation types, and reads the DWARF
# of a linked file. Of an object file, and so of every kernel module, get_dwarf_info() raises
# "Unsupported relocation type: 1": there is no RISC-V among the architectures whose relocations it applies
# (x86, ARM, MIPS, PowerPC, S/390, BPF and LoongArch are), not even for the plain R_RISCV_32 and _64.
# With relocate_dwarf_sections=False it reads on, and all names and addresses are those of offset 0.
#
# pyelftools 0.33; objects by ziglang 0.13.0 (clang 18).
#
# What it means here: lines of modules come from llvm-symbolizer (harness/symbols/).
#
# Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pyelftools==0.33 ziglang==0.13.0 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
export ZIG_GLOBAL_CACHE_DIR="$dir/zig" ZIG_LOCAL_CACHE_DIR="$dir/zig"
cat >"$dir/probe.c" <<'END'
int first_function(int a) { return a + 1; }
int second_function(int a) { return first_function(a) * 2; }
END
for arch in riscv64 aarch64; do
	"$dir/venv/bin/python" -m ziglang cc -target $arch-linux-musl -g -mno-relax -c "$dir/probe.c" -o "$dir/$arch.o" 2>/dev/null ||
		"$dir/venv/bin/python" -m ziglang cc -target $arch-linux-musl -g -c "$dir/probe.c" -o "$dir/$arch.o"
done
"$dir/venv/bin/python" - "$dir" <<'END'
import sys
from importlib.metadata import version
from elftools.common.exceptions import ELFRelocationError
from elftools.elf.elffile import ELFFile

print("pyelftools", version("pyelftools"))


def functions(name, **options):
    with open(f"{sys.argv[1]}/{name}.o", "rb") as stream:
        elf = ELFFile(stream)
        try:
            units = list(elf.get_dwarf_info(**options).iter_CUs())
            found = [
                die.attributes["DW_AT_name"].value.decode(errors="replace")
                for unit in units for die in unit.iter_DIEs() if die.tag == "DW_TAG_subprogram"
            ]
        except ELFRelocationError as error:
            found = f"ELFRelocationError: {error}"
    print(f"{name:8} {elf.get_machine_arch():8} {options or ''} {found}")
    return found


as_described = (
    functions("aarch64") == ["first_function", "second_function"]
    and str(functions("riscv64")).startswith("ELFRelocationError: Unsupported relocation type")
    and functions("riscv64", relocate_dwarf_sections=False) != ["first_function", "second_function"]
)
sys.exit(0 if as_described else "changed: no longer as described")
END
