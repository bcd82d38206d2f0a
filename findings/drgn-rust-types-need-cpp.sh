#!/bin/sh
# drgn finds a variable of Rust by its path, but no type: program.type("toy::Toy") and type("struct toy::Toy") raise LookupError. A
# program without C++ has the language C, whose names have no colons. After program.language = Language.CPP both are found, and so
# is "toy::Lock<u16>".
#
# A field of the type () makes its structure unreadable. Its members are listed, but showing the type, or a variable of it, raises
# "unsupported integer bit size (0)", also for the fields beside it: DWARF has () as a number of 0 bytes. In drivers () is common, as
# the data of a lock or of a driver that needs none.
#
# drgn 0.3.0; an object by Debian's rustc 1.97.1+dfsg1-1~bpo13+1.
#
# What it means here: docs/reproducing.md, "gdb".
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
version=1.97.1+dfsg1-1~bpo13+1
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="rustc=$version,libstd-rust-dev=$version,libstd-rust-1.97=$version" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check drgn==0.3.0 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
run() { program=$1; shift; "$loader" --library-path root/usr/lib/x86_64-linux-gnu "root/usr/bin/$program" "$@"; }
cat >toy.rs <<'END'
#![no_std]
pub struct Toy { pub id: u32, pub flag: bool }
pub struct Lock<T> { pub state: u32, pub data: T }
#[no_mangle] pub static TOY: Toy = Toy { id: 7, flag: true };
#[no_mangle] pub static FULL: Lock<u16> = Lock { state: 3, data: 9 };
#[no_mangle] pub static EMPTY: Lock<()> = Lock { state: 4, data: () };
END
run rustc --version
run rustc --sysroot root/usr -g -C codegen-units=1 --crate-type rlib --crate-name toy --emit=obj -o toy.o toy.rs
cat >show.py <<'END'
import sys
from importlib.metadata import version

import drgn

print("drgn", version("drgn"))
program = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
program.extra_module("toy", create=True).try_file("toy.o", force=True)
cut = "ValueError: unsupported integer bit size (0)"


def said(call):
    try:
        return " ".join(str(call()).split())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def shown(name):
    """Return a variable with zeros for its memory, as drgn shows it."""
    type_ = program.variable(name).type_
    return drgn.Object.from_bytes_(program, type_, bytes(type_.size))


seen = {}
for language in (drgn.Language.C, drgn.Language.CPP):
    program.language = language
    for name in ("toy::Toy", "struct toy::Toy"):
        seen[f"{language}, {name}"] = said(lambda: program.type(name))
seen["a generic type"] = said(lambda: program.type("toy::Lock<u16>"))
seen["the same of ()"] = said(lambda: program.type("toy::Lock<()>"))
for name in ("TOY", "FULL", "EMPTY"):
    seen[name] = said(lambda: shown(f"toy::{name}"))
members = program.variable("toy::EMPTY").type_.members
seen["members of EMPTY"] = " ".join(f"{each.name} {said(lambda: each.type.type_name())}" for each in members)
for what, found in seen.items():
    print(f"{what}: {found}")
toy = "struct Toy { u32 id; bool flag; }"
as_described = list(seen.values()) == [
    "LookupError: could not find 'toy::Toy'", "LookupError: could not find 'struct toy::Toy'", toy, toy,
    "struct Lock<u16> { u32 state; u16 data; }", cut,
    "(struct Toy){ .id = (u32)0, .flag = (bool)0, }", "(struct Lock<u16>){ .state = (u32)0, .data = (u16)0, }", cut, f"state u32 data {cut}"]
sys.exit(0 if as_described else "changed: no longer as described")
END
venv/bin/python show.py
