#!/bin/sh
# gdb's Rust mode computes as C does. Small integers become an int first, so nothing wraps at their width and nothing
# panics: the fill level of a ring, head - tail, is a negative number in a breakpoint's condition, which then never holds.
#
#                      Rust                               gdb
#   3u16 - 65530u16    9 with wrapping_sub, else a panic  -65527
#   200u8 + 100u8      44 with wrapping_add, else a panic 300
#   0x80u8 << 1        0                                  256
#   4u32 - 5u32        a panic                            4294967295
#   -1i32 < 1u32       does not compile                   false
#   -1i8, in print/x   0xff                               0xffffffff
#
# With `as` the result has its width: (3u16 - 65530u16) as u16 is 9.
#
# Debian's gdb 16.3-1.
#
# What it means here: docs/reproducing.md, "gdb".
#
# Needs mmdebstrap. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="gdb=16.3-1" trixie "$dir/root" "deb $mirror trixie main"
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
gdb() { "$loader" --library-path root/usr/lib/x86_64-linux-gnu root/usr/bin/gdb --data-directory=root/usr/share/gdb -nx -batch "$@"; }
gdb --version | head -n 1
changed=0
expect() { # EXPRESSION WORDS
	seen=$(gdb -ex 'set language rust' -ex 'set $head = 3u16' -ex 'set $tail = 65530u16' -ex "$1" 2>said)
	echo "$1: $seen"
	[ "$seen" = "$2" ] || { cat said; changed=1; }
}
expect 'whatis $head' 'type = u16'
expect 'print $head - $tail' '$1 = -65527'
expect 'whatis $head - $tail' 'type = int'
expect 'print $head - $tail > 8' '$1 = false'
expect 'print ($head - $tail) as u16' '$1 = 9'
expect 'print ($head - $tail) as u16 > 8' '$1 = true'
expect 'print 200u8 + 100u8' '$1 = 300'
expect 'print 0x80u8 << 1' '$1 = 256'
expect 'print 4u32 - 5u32' '$1 = 4294967295'
expect 'print -1i32 < 1u32' '$1 = false'
expect 'print/x -1i8' '$1 = 0xffffffff'
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
