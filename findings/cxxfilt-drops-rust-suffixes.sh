#!/bin/sh
# GNU c++filt shows what a compiler appended to a C++ name: _Z3foov.cold is "foo() [clone .cold]". From Rust's names,
# both manglings, it takes the suffix away: the function, its cold half and its copies become one name. So a line of a
# stack trace that is in the cold half reads as one of the function, at an offset that the function may not have.
# llvm-cxxfilt keeps it, as " (.cold)".
#
# Debian's binutils 2.44-3, llvm-19 1:19.1.7-3+b1. scripts/decode_stacktrace.sh of the kernel has whichever it finds.
#
# What it means here: rustbed demangles by itself (harness/log/demangle.py) and shows stacks with what was appended.
#
# Needs mmdebstrap. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="binutils=2.44-3,llvm-19=1:19.1.7-3+b1" trixie "$dir/root" "deb $mirror trixie main"
loader=$dir/root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=$dir/root/usr/lib64/ld-linux-x86-64.so.2
run() { program=$1; shift; "$loader" --library-path "$dir/root/usr/lib/x86_64-linux-gnu" "$dir/root/usr/bin/$program" "$@"; }
run x86_64-linux-gnu-c++filt --version | head -n 1
run llvm-cxxfilt-19 --version | sed -n 's/^ *//; /LLVM version/p'
changed=0
expect() { # NAME GNU LLVM
	gnu=$(run x86_64-linux-gnu-c++filt "$1") llvm=$(run llvm-cxxfilt-19 "$1")
	echo "$1: $gnu | $llvm"
	[ "$gnu" = "$2" ] && [ "$llvm" = "$3" ] || changed=1
}
expect _Z3foov.cold 'foo() [clone .cold]' 'foo() (.cold)'
expect _RNvC3toy5probe 'toy[0]::probe' 'toy::probe'
expect _RNvC3toy5probe.cold 'toy[0]::probe' 'toy::probe (.cold)'
expect _RNvC3toy5probe.llvm.4711 'toy[0]::probe' 'toy::probe (.llvm.4711)'
expect _ZN3toy5probe17h0123456789abcdefE.cold 'toy::probe::h0123456789abcdef' 'toy::probe::h0123456789abcdef (.cold)'
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
