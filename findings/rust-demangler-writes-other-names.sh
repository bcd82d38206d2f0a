#!/bin/sh
# The Python package rust-demangler reads rustc's names, and writes some of them in its own way:
#
#   the name of                        rust-demangler                        llvm-cxxfilt
#   a closure                          toy::start::{closure:#0}              toy::start::{closure#0}
#   unsafe extern "C" fn(i128) -> !    unsafe extern "C-"fn(i128) -> !       unsafe extern "C" fn(i128) -> !
#   for<'a> fn(&'a u8) -> &'a u8       raises, and prints toy::gen::<for<'?  for<'a> fn(&'a u8) -> &'a u8
#   a copy, .llvm.4711                 toy::dynf                             toy::dynf (.llvm.4711)
#   a cold half, .cold                 toy::dynf.cold                        toy::dynf (.cold)
#
# The names are those of rustc 1.97.1, mangled as the kernel's are. Most drivers have closures: a list of functions that this package
# wrote cannot be compared with one of another tool.
#
# rust-demangler 1.0, the newest on PyPI; Debian's llvm-19 1:19.1.7-3+b1.
#
# What it means here: rustbed has its own demangler (harness/log/demangle.py), which writes closures as llvm-cxxfilt does.
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="llvm-19=1:19.1.7-3+b1" trixie "$dir/root" "deb $mirror trixie main"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check rust-demangler==1.0 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
run() { program=$1; shift; "$loader" --library-path root/usr/lib/x86_64-linux-gnu "root/usr/bin/$program" "$@"; }
run llvm-cxxfilt-19 --version | sed -n 's/^ *//; /LLVM version/p'
cat >names.py <<'END'
import sys

from rust_demangler import demangle

try:
    print(demangle(sys.argv[1]))
except Exception as error:
    print(type(error).__name__)
END
changed=0
expect() { # NAME RUST_DEMANGLER LLVM
	seen=$(venv/bin/python names.py "$1") llvm=$(run llvm-cxxfilt-19 "$1")
	echo "$1: $seen | $llvm"
	[ "$seen" = "$2" ] && [ "$llvm" = "$3" ] || changed=1
}
expect _RNvCsdNU2BJhzlTu_3toy4dynf 'toy::dynf' 'toy::dynf'
expect _RNCNvCsdNU2BJhzlTu_3toy5start0B3_ 'toy::start::{closure:#0}' 'toy::start::{closure#0}'
expect _RINvCsdNU2BJhzlTu_3toy3genFUKCnEzEB2_ 'toy::gen::<unsafe extern "C-"fn(i128) -> !>' 'toy::gen::<unsafe extern "C" fn(i128) -> !>'
expect _RINvCsdNU2BJhzlTu_3toy3genFG_RL0_hERL0_hEB2_ "toy::gen::<for<'?
UnableTov0Demangle" "toy::gen::<for<'a> fn(&'a u8) -> &'a u8>"
expect _RNvCsdNU2BJhzlTu_3toy4dynf.llvm.4711 'toy::dynf' 'toy::dynf (.llvm.4711)'
expect _RNvCsdNU2BJhzlTu_3toy4dynf.cold 'toy::dynf.cold' 'toy::dynf (.cold)'
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
