// SPDX-License-Identifier: GPL-2.0

//! Warns, and goes on.

use core::hint::black_box;
use kernel::prelude::*;

module! {
    type: Warn,
    name: "warn",
    authors: ["The rustbed authors"],
    description: "WARN without BUG",
    license: "GPL",
}

struct Warn;

impl kernel::Module for Warn {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        take(black_box(0));
        Ok(Self)
    }
}

#[inline(never)]
fn take(budget: u32) -> u32 {
    #[cfg(not(bad))]
    let budget = budget.max(1);
    // not what comes last: where `warn_on!` is a call, that would be a jump, which leaves no frame
    kernel::warn_on!(budget == 0); // blamed
    black_box(budget.wrapping_sub(1))
}
