// SPDX-License-Identifier: GPL-2.0-only

//! Fails in places that are hard to find: tests look for the lines by their comments.

use core::{hint::black_box, ptr::without_provenance};
use kernel::prelude::*;

module! {
    type: Pointed,
    name: "pointed",
    authors: ["The rustbed authors"],
    description: "A module whose failures must be found",
    license: "GPL",
    params: {
        what: i64 {
            default: 0,
            description: "1: a bad pointer in an inlined function, 2: a call that never returns, 3: a panic in drop, 4: a warning",
        },
    },
}

struct Pointed {
    what: i64,
}

impl kernel::Module for Pointed {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let what = module_parameters::what.value();
        match what {
            1 => {
                follow(black_box(without_provenance(NOWHERE)));
            }
            2 => refuse(what),
            4 => warn(what),
            _ => (),
        }
        Ok(Self { what })
    }
}

#[inline(never)] // black_box, as s390 loads a number and compares it with what must not grow in one instruction
fn follow(number: *const u32) -> u32 {
    black_box(peek(number)) + 1 // line: follow
}

#[inline(always)]
fn peek(number: *const u32) -> u32 {
    // SAFETY: It is not, and that is the purpose.
    unsafe { number.read_volatile() } // line: peek
}

#[inline(never)]
fn refuse(what: i64) -> ! {
    panic!("refusing {what}") // line: refuse
}

#[inline(never)] // black_box, as a call that comes last is a jump, without a frame; here and there `warn_on!` is one
fn warn(what: i64) {
    black_box(kernel::warn_on!(what == 4)); // line: warn
}

impl Drop for Pointed {
    fn drop(&mut self) {
        assert_ne!(self.what, 3); // line: drop
    }
}

// at the end, for recorded logs have the numbers of the lines above; NULL, but on s390, which keeps data of its own there
const NOWHERE: usize = if cfg!(CONFIG_S390) { !0xfff } else { 0 };
