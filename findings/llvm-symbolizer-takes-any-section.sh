#!/bin/sh
# A kernel module is not linked: all of its sections begin at 0. Of a module that gcc compiled, llvm-symbolizer takes the
# function from one section and the line from another, or knows nothing of a function that is in the file:
#
#   llvm-symbolizer --obj=toy.o 2           toy_init at line 4, which is in toy_read
#   llvm-symbolizer --obj=toy.o toy_init+2  the same, though the symbol says which section is meant
#   llvm-symbolizer --obj=toy.o toy_read+2  "??", though the line above was its own
#   llvm-symbolizer --obj=toy.o toy_exit+2  "??"
#
# Status 0 and no warning; there is no option for the section. addr2line of binutils and of elfutils have one, -j, and
# are right with it; without it they mean .text.
#
# Debian's llvm-19 1:19.1.7-3+b1, cpp-14-x86-64-linux-gnu 14.2.0-19, binutils 2.44-3 and elfutils 0.192-4.
#
# What it means here: harness/symbols/functions.py gives sections addresses of their own before it asks.
#
# Needs mmdebstrap. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="llvm-19=1:19.1.7-3+b1,cpp-14-x86-64-linux-gnu=14.2.0-19,binutils=2.44-3,elfutils=0.192-4" trixie "$dir/root" "deb $mirror trixie main"
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
run() { program=$1; shift; "$loader" --library-path root/usr/lib/x86_64-linux-gnu "root/usr/$program" "$@"; }
cat >toy.c <<'END'
int shared;
int toy_read(int x)
{
	shared += x;
	return shared * 3;
}
__attribute__((section(".init.text"))) int toy_init(void)
{
	shared = 1;
	return 0;
}
__attribute__((section(".exit.text"))) void toy_exit(void)
{
	shared = 0;
}
END
run libexec/gcc/x86_64-linux-gnu/14/cc1 -quiet -g -O1 -o toy.s toy.c
run bin/x86_64-linux-gnu-as -o toy.o toy.s
run bin/llvm-symbolizer-19 --version
changed=0
# function and line, of an answer in two lines
expect() { # WORDS COMMAND...
	wanted=$1
	shift
	seen=$(run "$@" | sed 's,/.*/,,; s/\(c:[0-9]*\).*/\1/' | xargs)
	echo "$* -> $seen"
	[ "$seen" = "$wanted" ] || changed=1
}
expect 'toy_init toy.c:4' bin/llvm-symbolizer-19 --obj=toy.o 2
expect 'toy_init toy.c:4' bin/llvm-symbolizer-19 --obj=toy.o toy_init+2
expect '?? ??:0:0' bin/llvm-symbolizer-19 --obj=toy.o toy_read+2
expect '?? ??:0:0' bin/llvm-symbolizer-19 --obj=toy.o toy_exit+2
for program in bin/x86_64-linux-gnu-addr2line bin/eu-addr2line; do
	expect 'toy_read toy.c:4' "$program" -f -e toy.o 2
	expect 'toy_read toy.c:4' "$program" -f -e toy.o -j .text 2
	expect 'toy_init toy.c:9' "$program" -f -e toy.o -j .init.text 2
	expect 'toy_exit toy.c:14' "$program" -f -e toy.o -j .exit.text 2
done
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
