#!/bin/sh
# rustc refuses -Zsanitizer=kernel-address for powerpc64le-unknown-linux-gnu, the target of powerpc kernels:
#
#   error: kernel-address sanitizer is not supported for this target
#
# It takes the option for the targets of the other 64-bit kernels that have it: x86_64, arm64, riscv64, s390x. clang 19 takes
# -fsanitize=kernel-address for powerpc64le, and the kernel's Kconfig (7.3) offers KASAN there together with Rust, if the compiler
# of C can do it. So the configuration is accepted, and the build ends at the first Rust file.
#
# rustc and clang are Debian's 1.97.1+dfsg1-1~bpo13+1 and 1:19.1.7-3+b1.
#
# What it means here: kconfigs/arch/powerpc64le-debug.config is without KASAN.
#
# Needs mmdebstrap. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
version=1.97.1+dfsg1-1~bpo13+1
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="rustc=$version,libstd-rust-dev=$version,libstd-rust-1.97=$version,clang-19=1:19.1.7-3+b1" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
run() { program=$1; shift; "$loader" --library-path root/usr/lib/x86_64-linux-gnu:root/usr/lib/llvm-19/lib "root/usr/$program" "$@"; }
run bin/rustc --version
echo 'int toy(int *at) { return *at; }' >toy.c
changed=0
expect() { # WANTED WHAT COMMAND...
	wanted=$1 what=$2
	shift 2
	status=0
	"$@" >said 2>&1 || status=$?
	seen="$status $(grep '^error: kernel-address' said || :)"
	echo "$what: $seen"
	[ "$seen" = "$wanted" ] || { cat said; changed=1; }
}
for target in x86_64-unknown-none aarch64-unknown-none-softfloat riscv64imac-unknown-none-elf s390x-unknown-none-softfloat; do
	expect '0 ' "rustc $target" env RUSTC_BOOTSTRAP=1 "$loader" --library-path root/usr/lib/x86_64-linux-gnu root/usr/bin/rustc --sysroot root/usr \
		--target "$target" -Zsanitizer=kernel-address --print cfg
done
expect '1 error: kernel-address sanitizer is not supported for this target' 'rustc powerpc64le-unknown-linux-gnu' env RUSTC_BOOTSTRAP=1 \
	"$loader" --library-path root/usr/lib/x86_64-linux-gnu root/usr/bin/rustc --sysroot root/usr --target powerpc64le-unknown-linux-gnu -Zsanitizer=kernel-address --print cfg
expect '0 ' 'clang powerpc64le-linux-gnu' run lib/llvm-19/bin/clang --target=powerpc64le-linux-gnu -fsanitize=kernel-address -O2 -S -o toy.s toy.c
grep -c __asan toy.s || changed=1
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
