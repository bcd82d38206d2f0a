#!/bin/sh
# In DWARF, a Rust enum whose variants have fields is a structure with a variant part (DWARF 5, 5.7.10). Three tools that
# kernel developers use know structures only:
#
#   drgn     the type has no members; an object of it is shown as "(struct State){}"
#   pahole   prints no type of the file and one line on standard error, status 0; asked for the enum, it says "members: 0"
#   abidiff  reports no change, status 0, when variants change their order and types; a new field beside the enum is reported
#
# The same holds for an Option or a Result that has fields. drgn 0.3.0, Debian's pahole 1.30-1 and abigail-tools 2.6-2;
# objects by Debian's rustc 1.97.1+dfsg1-1~bpo13+1.
#
# What it means here: look at such values with `rustbed repro gdb`; gdb knows variants (docs/reproducing.md).
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
version=1.97.1+dfsg1-1~bpo13+1
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="rustc=$version,libstd-rust-dev=$version,libstd-rust-1.97=$version,pahole=1.30-1,abigail-tools=2.6-2" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check drgn==0.3.0 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
run() { program=$1; shift; "$loader" --library-path root/usr/lib/x86_64-linux-gnu "root/usr/bin/$program" "$@"; }
cat >toy.rs <<'END'
#![no_std]
pub enum State { Idle, Busy(u32), Failed(u64) }
pub struct Toy { pub id: u32, pub state: State }
#[no_mangle] pub static TOY: Toy = Toy { id: 7, state: State::Busy(9) };
#[no_mangle] pub extern "C" fn toy_id(toy: &Toy) -> u32 { toy.id }
END
sed 's/Busy(u32), Failed(u64)/Failed(u64), Busy(i32)/' toy.rs >variants.rs
sed 's/id: u32,/id: u32, pub more: u64,/; s/id: 7,/id: 7, more: 1,/' toy.rs >field.rs
for name in toy variants field; do
	run rustc --sysroot root/usr -g --crate-type rlib --crate-name toy --emit=obj -o "$name.o" "$name.rs"
done
run rustc --version
echo "pahole $(run pahole --version), abidiff $(run abidiff --version | sed 's/.*: //')"
changed=0
expect() { # SEEN WORDS
	echo "$1"
	[ "$1" = "$2" ] || changed=1
}
expect "$(venv/bin/python - <<'END'
import drgn

program = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
program.extra_module("toy", create=True).try_file("toy.o", force=True)
toy = program.variable("toy::TOY").type_
state = next(each.type for each in toy.members if each.name == "state")
print("drgn", *(each.name for each in toy.members), state.size, state.members, drgn.Object.from_bytes_(program, state, bytes(16)))
END
)" 'drgn id state 16 () (struct State){}'
status=0
run pahole toy.o >types 2>said || status=$?
expect "pahole toy.o: status $status, $(wc -l <types) lines; $(cut -d '<' -f 1 said)" \
	'pahole toy.o: status 0, 0 lines; die__process_class: tag not supported 0x33 (variant_part) at '
expect "pahole -C State toy.o: $(run pahole -C State toy.o 2>/dev/null | grep 'size:' | tail -n 1 | tr -s '\t ' ' ')" \
	'pahole -C State toy.o:  /* size: 16, cachelines: 1, members: 0 */'
for name in variants field; do
	status=0
	run abidiff toy.o "$name.o" >"$name.said" 2>&1 || status=$?
	echo "$status" >"$name.status"
	echo "abidiff toy.o $name.o: status $status"
	cat "$name.said"
done
[ "$(cat variants.status)" = 0 ] && [ ! -s variants.said ] && [ "$(cat field.status)" = 4 ] && grep -q "u64 more" field.said || changed=1
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
