#!/bin/sh
# C puts a bit-field into the bytes that are left behind the field before it. bindgen starts a new unit for it, of the bit-field's
# type, so the structure becomes larger, and its fields are elsewhere:
#
#                                            C                              bindgen
#   struct { u8 kind; u32 value : 24; }      4 bytes, value from byte 1 on  8 bytes, value from byte 4 on
#   struct { u16 kind; u64 value : 48; }     8 bytes, value from byte 2 on  16 bytes, value from byte 8 on
#   struct { u8 a; u32 value : 24; u8 c; }   8 bytes, value from byte 1 on  8 bytes, value from byte 4 on
#   struct { u32 value : 24; u8 kind; }      4 bytes                        as in C
#   struct { u16 kind; u32 value : 12; }     4 bytes, value from byte 2 on  as in C
#   the first one, packed                    4 bytes, value from byte 1 on  as in C
#
# bindgen says nothing. Its own checks of the layout find it when the bindings are compiled, and the kernel's build switches them off
# (--no-layout-tests in rust/Makefile).
#
# Debian's bindgen 0.71.1-6 with libclang1-19 1:19.1.7-3+b1 and rustc 1.97.1+dfsg1-1~bpo13+1 on x86_64; C by the host's cc.
#
# What it means here: the kernels' bindings are bindgen's. Who maps a device's descriptors with C bit-fields packs the structure, or has
# masks and shifts in Rust, and compares size_of::<T>() with a number (docs/writing-tests.md, "Modules").
#
# Needs mmdebstrap and cc. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
version=1.97.1+dfsg1-1~bpo13+1
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="bindgen=0.71.1-6,libclang1-19=1:19.1.7-3+b1,rustc=$version,libstd-rust-dev=$version,libstd-rust-1.97=$version" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
LIBCLANG_PATH=$dir/root/usr/lib/llvm-19/lib
export LIBCLANG_PATH
run() { program=$1; shift; "$loader" --library-path root/usr/lib/x86_64-linux-gnu:root/usr/lib/llvm-19/lib "root/usr/bin/$program" "$@"; }
run bindgen --version
run rustc --version
cat >toy.h <<'END'
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
struct first { u8 kind; u32 value : 24; };
struct wide { u16 kind; u64 value : 48; };
struct behind { u8 a; u32 value : 24; u8 c; };
struct turned { u32 value : 24; u8 kind; };
struct narrow { u16 kind; u32 value : 12; };
struct packed { u8 kind; u32 value : 24; } __attribute__((packed));
END
names='first wide behind turned narrow packed'
# each structure with all bits of `value` set, as bytes
{
	cat <<'END'
#include <stdio.h>
#include "toy.h"
static void show(const char *name, const unsigned char *at, unsigned long size)
{
	printf("%s", name);
	while (size--)
		printf(" %02x", *at++);
	puts("");
}
int main(void)
{
END
	for name in $names; do
		echo "	{ struct $name it = { .value = -1 }; show(\"$name\", (unsigned char *)&it, sizeof(it)); }"
	done
	echo '	return 0; }'
} >toy.c
{
	cat <<'END'
#![allow(warnings)]
mod toy { include!("unchecked.rs"); }
fn show<T>(name: &str, it: T) {
    let bytes = unsafe { core::slice::from_raw_parts(&raw const it as *const u8, size_of::<T>()) };
    println!("{name}{}", bytes.iter().map(|byte| format!(" {byte:02x}")).collect::<String>());
}
fn main() {
END
	for name in $names; do
		echo "    let mut it: toy::$name = unsafe { core::mem::zeroed() }; it.set_value(!0); show(\"$name\", it);"
	done
	echo '}'
} >toy.rs
cc -w -o by_c toy.c
run bindgen --no-layout-tests -o unchecked.rs toy.h 2>said
run rustc --edition 2021 --sysroot root/usr -o by_rust toy.rs
run bindgen -o checked.rs toy.h 2>>said
refused=$(run rustc --edition 2021 --sysroot root/usr --crate-type rlib --emit=metadata -A warnings -o checked.rmeta checked.rs 2>&1 | grep -c '^error\[E0080\]') || true
./by_c | sed 's/^/C /' >seen
./by_rust | sed 's/^/bindgen /' >>seen
echo "bindgen said $(wc -l <said) lines; its checks refuse $refused" >>seen
cat seen
cat >wanted <<'END'
C first 00 ff ff ff
C wide 00 00 ff ff ff ff ff ff
C behind 00 ff ff ff 00 00 00 00
C turned ff ff ff 00
C narrow 00 00 ff 0f
C packed 00 ff ff ff
bindgen first 00 00 00 00 ff ff ff 00
bindgen wide 00 00 00 00 00 00 00 00 ff ff ff ff ff ff 00 00
bindgen behind 00 00 00 00 ff ff ff 00
bindgen turned ff ff ff 00
bindgen narrow 00 00 ff 0f
bindgen packed 00 ff ff ff
bindgen said 0 lines; its checks refuse 3
END
cmp -s seen wanted || { echo "changed: no longer as described" >&2; exit 1; }
