#!/bin/sh
# In lcov's files a function's name is the last field of FN: and FNDA:, and Rust's names have commas and colons in it.
# Readers of npm cut it there, without an error:
#
#   lcov-parse 1.0.0                     at the first comma: all methods of a generic type are "<toy::Map<u32"
#   parse-lcov 1.0.4                     at the first colon: all functions of a crate are "toy"
#   @friedemannsommer/lcov-parser 5.0.2  at the first comma, and makes functions of one name one: the one that was not
#                                        called is gone, and the list has two where the file says three
#
# FNL: and FNA:, with which lcov 2.3 writes functions (geninfo(1)), are skipped by the first two: "found 2, hit 1", and an
# empty list. Lines are right everywhere.
#
# What it means here: a report that goes by functions is wrong for Rust; rustbed's coverage.lcov has lines only.
#
# Needs npm. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
cd "$dir"
npm install --silent --no-fund --no-audit --prefix "$dir" lcov-parse@1.0.0 parse-lcov@1.0.4 @friedemannsommer/lcov-parser@5.0.2
cat >old.info <<'END'
SF:toy.rs
FN:10,<toy::Map<u32, u8>>::get
FN:20,<toy::Map<u32, u64>>::get
FN:30,toy::probe
FNDA:0,<toy::Map<u32, u8>>::get
FNDA:5,<toy::Map<u32, u64>>::get
FNDA:1,toy::probe
FNF:3
FNH:2
DA:10,0
DA:20,5
DA:30,1
LF:3
LH:2
end_of_record
END
cat >new.info <<'END'
SF:toy.rs
FNL:0,10,12
FNA:0,0,toy_read
FNL:1,20,22
FNA:1,5,toy_write
FNF:2
FNH:1
DA:10,0
DA:20,5
LF:2
LH:1
end_of_record
END
cat >read.mjs <<'END'
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const parsed = {
  "lcov-parse": (text) => new Promise((done) => require("lcov-parse")(text, (_, data) => done(data))),
  "parse-lcov": async (text) => require("parse-lcov").default(text),
  "@friedemannsommer/lcov-parser": (from) => require("@friedemannsommer/lcov-parser").lcovParser({ from }),
};
// each function as line, name and count
const said = (list) => list.map(({ line, name, hit }) => `${line} ${name} ${hit}`).join("; ");
for (const [name, parse] of Object.entries(parsed)) {
  for (const file of ["old.info", "new.info"]) {
    const { functions, lines } = (await parse(readFileSync(file, "utf8")))[0];
    console.log(`${name} ${file}: ${functions.found ?? functions.instrumented} found, ${functions.hit} hit: ${said(functions.details)}`);
    if (lines.hit !== (file === "old.info" ? 2 : 1)) throw new Error("lines");
  }
}
END
node read.mjs >seen
cat seen
cat >wanted <<'END'
lcov-parse old.info: 3 found, 2 hit: 10 <toy::Map<u32 0; 20 <toy::Map<u32 5; 30 toy::probe 1
lcov-parse new.info: 2 found, 1 hit: 
parse-lcov old.info: 3 found, 2 hit: 10 <toy 0; 20 <toy 5; 30 toy 1
parse-lcov new.info: 2 found, 1 hit: 
@friedemannsommer/lcov-parser old.info: 3 found, 2 hit: 20 <toy::Map<u32 5; 30 toy::probe 1
@friedemannsommer/lcov-parser new.info: 2 found, 1 hit: 10 toy_read 0; 20 toy_write 5
END
cmp -s seen wanted || { echo "changed: no longer as described" >&2; exit 1; }
