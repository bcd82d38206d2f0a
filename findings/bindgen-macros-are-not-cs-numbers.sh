#!/bin/sh
# bindgen computes a C macro itself, in 64 bits with a sign, whatever the suffixes say, and chooses the type by the result.
# So constants of Rust differ from those of the same header in C, in type and in value:
#
#                       C                      bindgen
#   (1ULL << 3)         8, 64 bits, unsigned   8u32: !X as u64 has no upper half, C's ~X has
#   (~0U)               0xffffffff             -1i32: X as u64 is 0xffffffffffffffff
#   (~0x3U)             0xfffffffc             -4i32
#   (1 - 2U)            0xffffffff             -1i32
#   (0xffffffffU + 1U)  0                      4294967296u64
#   (-1U / 2)           0x7fffffff             0u32
#   ((unsigned int)7)   7                      no constant, and no word about it
#
# With --clang-macro-fallback the last one is there, too; the others stay as they are.
#
# Debian's bindgen 0.71.1-6 with libclang1-19 1:19.1.7-3+b1; C by the host's cc.
#
# What it means here: nothing of rustbed reads headers. A driver that has its registers from a C header of its own compares them with
# what C says (`const _: () = assert!(...)`).
#
# Needs mmdebstrap and cc. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="bindgen=0.71.1-6,libclang1-19=1:19.1.7-3+b1" trixie "$dir/root" "deb $mirror trixie main"
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
LIBCLANG_PATH=$dir/root/usr/lib/llvm-19/lib
export LIBCLANG_PATH
bindgen() { "$loader" --library-path root/usr/lib/x86_64-linux-gnu:root/usr/lib/llvm-19/lib root/usr/bin/bindgen "$@"; }
bindgen --version
cat >toy.h <<'END'
#define START (1ULL << 3)
#define ALL (~0U)
#define CLEARED (~0x3U)
#define BEFORE (1 - 2U)
#define AROUND (0xffffffffU + 1U)
#define HALF (-1U / 2)
#define CAST ((unsigned int)7)
END
cat >toy.c <<'END'
#include <stdio.h>
#include "toy.h"
#define SAY(name) printf(#name " %zu %#llx\n", 8 * sizeof(name), (unsigned long long)(name))
int main(void) { SAY(START); SAY(ALL); SAY(CLEARED); SAY(BEFORE); SAY(AROUND); SAY(HALF); SAY(CAST); return 0; }
END
cc -o toy toy.c 2>/dev/null
./toy >in_c
bindgen toy.h 2>said | sed -n 's/^pub const //p' >in_rust
bindgen --clang-macro-fallback toy.h 2>>said | sed -n 's/^pub const //p' >with_clang
cat >wanted_c <<'END'
START 64 0x8
ALL 32 0xffffffff
CLEARED 32 0xfffffffc
BEFORE 32 0xffffffff
AROUND 32 0
HALF 32 0x7fffffff
CAST 32 0x7
END
cat >wanted_rust <<'END'
START: u32 = 8;
ALL: i32 = -1;
CLEARED: i32 = -4;
BEFORE: i32 = -1;
AROUND: u64 = 4294967296;
HALF: u32 = 0;
END
(cat wanted_rust; echo 'CAST: u32 = 7;') >wanted_clang
echo "C:"; cat in_c
echo "bindgen:"; cat in_rust said
[ ! -s said ] && cmp in_c wanted_c && cmp in_rust wanted_rust && cmp with_clang wanted_clang || { echo "changed: no longer as described" >&2; exit 1; }
