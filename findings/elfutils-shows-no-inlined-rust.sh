#!/bin/sh
# addr2line -i shows the functions that were inlined at an address, each with its line. eu-addr2line of elfutils has the same option.
# It works for C. For Rust it shows one frame, which joins the name of the outermost function with the line of the innermost: a line
# of another function, and often of another file. For the first instruction of a driver:
#
#   addr2line -i      toy::read toy.rs:5, <toy::Toy as toy::Driver>::probe toy.rs:4, start toy.rs:6
#   eu-addr2line -i   start toy.rs:5
#
# The status is 0. In DWARF, a function of Rust is inside an entry for its namespace; a function of C is not.
#
# Debian's elfutils 0.192-4, binutils 2.44-3; objects by Debian's rustc 1.97.1+dfsg1-1~bpo13+1, and by the host's gcc for C.
#
# What it means here: rustbed asks llvm-symbolizer (harness/symbols/symbolizer.py).
#
# Needs mmdebstrap and gcc. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
version=1.97.1+dfsg1-1~bpo13+1
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="rustc=$version,libstd-rust-dev=$version,libstd-rust-1.97=$version,elfutils=0.192-4,binutils=2.44-3" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
run() { program=$1; shift; "$loader" --library-path root/usr/lib/x86_64-linux-gnu "root/usr/bin/$program" "$@"; }
cat >toy.rs <<'END'
#![no_std]
pub trait Driver { fn probe(id: u32) -> u32; }
pub struct Toy;
impl Driver for Toy { #[inline(always)] fn probe(id: u32) -> u32 { read(id) + 3 } }
#[inline(always)] fn read(id: u32) -> u32 { if id == 5 { 9 } else { id.rotate_left(3) ^ 0x55 } }
#[no_mangle] pub extern "C" fn start(id: u32) -> u32 { Toy::probe(id) }
END
cat >toy.c <<'END'
static inline __attribute__((always_inline)) unsigned read(unsigned id) { return *(volatile unsigned *)(unsigned long)id; }
unsigned start(unsigned id) { return read(id) + 3; }
END
run rustc --version
run eu-addr2line --version | head -n 1
run x86_64-linux-gnu-addr2line --version | head -n 1
run rustc --sysroot root/usr -g -C opt-level=1 -C symbol-mangling-version=v0 --crate-type rlib --crate-name toy --emit=obj -o toy.o toy.rs
gcc -g -O1 -ffreestanding -c -o c.o toy.c
changed=0
frames() { # PROGRAM FILE; each frame as its function and line, in one line
	run "$1" -i -f -C -e "$2" 0x1000 | sed 's# inlined at .*##; s#^/.*/##; s#\(toy\.[a-z]*:[0-9]*\).*#\1#' | tr '\n' ' ' | sed 's/ $//'
}
expect() { # FILE GNU ELFUTILS
	run x86_64-linux-gnu-ld --unresolved-symbols=ignore-all -e start -Ttext=0x1000 -o "$1" "$1.o"
	gnu=$(frames x86_64-linux-gnu-addr2line "$1") elfutils=$(frames eu-addr2line "$1")
	printf 'addr2line     %s\neu-addr2line  %s\n' "$gnu" "$elfutils"
	[ "$gnu" = "$2" ] && [ "$elfutils" = "$3" ] || changed=1
}
expect toy 'toy::read toy.rs:5 <toy::Toy as toy::Driver>::probe toy.rs:4 start toy.rs:6' 'start toy.rs:5'
expect c 'read toy.c:1 start toy.c:2' 'read toy.c:1 start toy.c:2'
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
