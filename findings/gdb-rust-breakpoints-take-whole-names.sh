#!/bin/sh
# For C, and for C++ by its last parts, `break NAME` of gdb finds a function. A function of Rust is found by its whole name
# only, with the crate, the trait and the type it is generic over, and with brackets that Rust itself would not write:
#
#   where                             name                                 break
#   fn probe, of a trait of Toy       <toy::Toy as toy::Driver>::probe     found; so is toy::{impl#0}::probe
#                                     probe, Toy::probe, toy::Toy::probe   not defined
#   fn stop, of Toy itself            toy::Toy::stop                       found
#                                     stop, Toy::stop                      not defined
#   fn put, of Ring<const N: usize>   toy::Ring<3>::put<3>                 found
#                                     put, toy::Ring<3>::put, toy::Ring::put, toy::Ring::<3>::put  not defined
#
# The answer is the same in the languages rust, c and auto. gdb 13 was the other way round: it took `probe`, and not the name with the
# trait. A line (toy.rs:4) and rbreak, which also takes the closures, are found by both.
#
# Debian's gdb 16.3-1 (gdb 13.1-3 is what was seen of the older); an object by Debian's rustc 1.97.1+dfsg1-1~bpo13+1, names mangled as
# the kernel's are.
#
# What it means here: a driver's probe() is a function of a trait; docs/reproducing.md, "gdb", says how to stop there.
#
# Needs mmdebstrap. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
version=1.97.1+dfsg1-1~bpo13+1
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="rustc=$version,libstd-rust-dev=$version,libstd-rust-1.97=$version,gdb=16.3-1" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
run() { program=$1; shift; "$loader" --library-path root/usr/lib/x86_64-linux-gnu "root/usr/bin/$program" "$@"; }
cat >toy.rs <<'END'
#![no_std]
pub trait Driver { fn probe(id: u32) -> u32; }
pub struct Toy(pub u32);
impl Driver for Toy { #[inline(never)] fn probe(id: u32) -> u32 { id + 3 } }
impl Toy { #[inline(never)] pub fn stop(id: u32) -> u32 { id + 7 } }
pub struct Ring<const N: usize>(pub [u32; N]);
impl<const N: usize> Ring<N> { #[inline(never)] pub fn put(&mut self, word: u32) -> u32 { self.0[0] = word; N as u32 } }
#[no_mangle] pub extern "C" fn start(id: u32) -> u32 { Toy::probe(id) + Toy::stop(id) + Ring([0u32; 3]).put(id) }
END
run rustc --version
run rustc --sysroot root/usr -g -C symbol-mangling-version=v0 --crate-type rlib --crate-name toy --emit=obj -o toy.o toy.rs
gdb() { run gdb --data-directory=root/usr/share/gdb -nx -batch -ex 'set breakpoint pending off' "$@"; }
gdb --version | head -n 1
changed=0
try() { # LANGUAGE NAME LINE; no line: is not found
	seen=$(gdb -ex "set language $1" -ex "break $2" toy.o 2>&1 | tail -n 1 | sed 's/ at 0x[0-9a-f]*//')
	echo "$1, break $2: $seen"
	case $3 in
	'') wanted="Function \"$2\" not defined." ;;
	*) wanted="Breakpoint 1: file toy.rs, line $3." ;;
	esac
	[ "$seen" = "$wanted" ] || changed=1
}
for language in rust c auto; do
	try $language '<toy::Toy as toy::Driver>::probe' 4
	try $language 'probe' ''
	try $language 'toy::Toy::probe' ''
done
try rust 'toy::{impl#0}::probe' 4
try rust 'Toy::probe' ''
try rust 'toy::Toy::stop' 5
try rust 'Toy::stop' ''
try rust 'stop' ''
try rust 'toy::Ring<3>::put<3>' 7
try rust 'toy::Ring<3>::put' ''
try rust 'toy::Ring::<3>::put' ''
try rust 'toy::Ring::put' ''
try rust 'put' ''
try rust 'toy.rs:4' 4
try rust 'start' 8
rbreak=$(gdb -ex 'rbreak probe$' toy.o 2>&1 | grep -c '^Breakpoint 1 at .* line 4') || true
echo "rbreak probe\$: $rbreak"
[ "$rbreak" = 1 ] || changed=1
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
