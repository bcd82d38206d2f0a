#!/bin/sh
# A constant has a type in Rust. cbindgen writes its expression into a macro, without the type, and C computes it as an int where it can:
#
#   pub const                           the macro               Rust          C
#   MASK: u32 = !0xff                   ~255                    ffffff00      ffffffffffffff00 beside 64 bits, as in `value & MASK`
#   LOW: u8 = !0xf0                     ~240                    0f            ffffff0f
#   TOP: u32 = !0 >> 4                  (~0 >> 4)               0fffffff      ffffffff
#   OFF: bool = !true                   ~true                   false         true
#   CTRL: u64 = 1 << 40                 (1 << 40)               10000000000   undefined
#   SIZE: u64 = 4096 * 1024 * 1024      ((4096 * 1024) * 1024)  100000000     undefined
#   LEAST: i64 = -9223372036854775808   the same, with ull      below 0       above 0
#
# cbindgen says nothing, and C's compiler warns at most of CTRL and SIZE. A suffix is written too: of !0xffu32 and 1u64 << 40 C makes what Rust
# does. Precedence is right, by parentheses; so is what is one number.
#
# Debian's cbindgen 0.27.0-1+b4; C by the host's cc.
#
# What it means here: a driver's masks and registers that C shares (a test program, firmware) need numbers with a suffix
# (docs/writing-tests.md, "Modules").
#
# Needs mmdebstrap and cc. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="cbindgen=0.27.0-1+b4" trixie "$dir/root" "deb $mirror trixie main" || exit 2
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
run() { program=$1; shift; "$loader" --library-path root/usr/lib/x86_64-linux-gnu "root/usr/bin/$program" "$@"; }
run cbindgen --version
cat >toy.rs <<'END'
pub const MASK: u32 = !0xff;
pub const SUFFIX: u32 = !0xffu32;
pub const LOW: u8 = !0xf0;
pub const TOP: u32 = !0 >> 4;
pub const OFF: bool = !true;
pub const CTRL: u64 = 1 << 40;
pub const SIZE: u64 = 4096 * 1024 * 1024;
pub const LEAST: i64 = -9223372036854775808;
pub const LONG: u64 = 1u64 << 40;
pub const EQUAL: bool = 6 & 4 == 4;
pub const NUMBER: u64 = 0xffff_ffff_0000_0000;
END
cat >toy.c <<'END'
#include <stdio.h>
#include "toy.h"
#define SAY(constant) printf(#constant " is %llx\n", (unsigned long long)(constant))
int main(void)
{
	unsigned long long value = -1;

	SAY(value & MASK);
	SAY(value & SUFFIX);
	SAY((unsigned int)LOW);
	SAY((unsigned int)TOP);
	SAY(OFF ? 1 : 0);
	SAY(LONG);
	SAY(LEAST > 0);
	SAY(EQUAL);
	SAY(NUMBER);
	return 0;
}
END
{
	run cbindgen --lang c toy.rs >toy.h 2>said
	echo "cbindgen said $(wc -l <said) lines"
	grep '^#define' toy.h
	cc -w -o toy toy.c
	./toy
} >seen
cat seen
cat >wanted <<'END'
cbindgen said 0 lines
#define MASK ~255
#define SUFFIX ~255u
#define LOW ~240
#define TOP (~0 >> 4)
#define OFF ~true
#define CTRL (1 << 40)
#define SIZE ((4096 * 1024) * 1024)
#define LEAST -9223372036854775808ull
#define LONG (1ull << 40)
#define EQUAL ((6 & 4) == 4)
#define NUMBER 18446744069414584320ull
value & MASK is ffffffffffffff00
value & SUFFIX is ffffff00
(unsigned int)LOW is ffffff0f
(unsigned int)TOP is ffffffff
OFF ? 1 : 0 is 1
LONG is 10000000000
LEAST > 0 is 1
EQUAL is 1
NUMBER is ffffffff00000000
END
cmp -s seen wanted || { cat said >&2; echo "changed: no longer as described" >&2; exit 1; }
