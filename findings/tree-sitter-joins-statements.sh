#!/bin/sh
# A macro in braces ends a statement, as `if` and `match` do. What follows is the next one, also if it begins with a sign that stands between
# two values elsewhere. tree-sitter's Rust grammar joins the two, and reports no error:
#
#                                   rustc            tree-sitter-rust
#   warn! { a } *x = 1;             two statements   (warn! { a } * x) = 1
#   trace! { a } -x                 two              trace! { a } - x
#   trace! { a } (f)(x);            two              trace! { a }, called with f, called with x
#   if a { } || 1 == 1;             two              if a { } || 1 == 1
#   if a { } *x = 1;                two              two
#   if a { } -x                     two              two
#
# What rustc does is seen from its accepting the functions: as one statement, none of them has types.
#
# tree-sitter 0.26.1, tree-sitter-rust 0.24.2, Debian's rustc 1.97.1+dfsg1-1~bpo13+1.
#
# What it means here: `rustbed mutate` leaves such an operator as it is (harness/life/mutants.py).
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
version=1.97.1+dfsg1-1~bpo13+1
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="rustc=$version,libstd-rust-dev=$version,libstd-rust-1.97=$version" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check tree-sitter==0.26.1 tree-sitter-rust==0.24.2 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
cat >toy.rs <<'END'
#![allow(unused)]
macro_rules! warn { ($($word:tt)*) => {}; }
macro_rules! trace { ($($word:tt)*) => {}; }
fn store(x: &mut i32) { warn! { a } *x = 1; }
fn negative(x: i32) -> i32 { trace! { a } -x }
fn call(f: fn(i32), x: i32) { trace! { a } (f)(x); }
fn closure(a: bool) { if a { } || 1 == 1; }
fn store_behind_if(a: bool, x: &mut i32) { if a { } *x = 1; }
fn negative_behind_if(a: bool, x: i32) -> i32 { if a { } -x }
END
"$loader" --library-path root/usr/lib/x86_64-linux-gnu root/usr/bin/rustc --version
"$loader" --library-path root/usr/lib/x86_64-linux-gnu root/usr/bin/rustc --sysroot root/usr --edition 2021 --crate-type rlib --emit=metadata -A warnings -o toy.rmeta toy.rs
venv/bin/python - >seen <<'END'
import tree_sitter_rust
from tree_sitter import Language, Parser

root = Parser(Language(tree_sitter_rust.language())).parse(open("toy.rs", "rb").read()).root_node
print("errors:", root.has_error)
for function in root.children:
    if function.type == "function_item":
        statements = function.child_by_field_name("body").named_children
        print(function.child_by_field_name("name").text.decode(), len(statements))
END
cat seen
cat >wanted <<'END'
errors: False
store 1
negative 1
call 1
closure 1
store_behind_if 2
negative_behind_if 2
END
cmp -s seen wanted || { echo "changed: no longer as described" >&2; exit 1; }
