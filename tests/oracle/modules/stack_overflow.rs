// SPDX-License-Identifier: GPL-2.0

//! Recurses without an end.

use core::hint::black_box;
use kernel::prelude::*;

module! {
    type: StackOverflow,
    name: "stack_overflow",
    authors: ["The rustbed authors"],
    description: "stack overflow",
    license: "GPL",
}

struct StackOverflow;

impl kernel::Module for StackOverflow {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let deep = descend(0);
        pr_info!("deep: {deep}\n");
        Ok(Self)
    }
}

#[cfg_attr(bad, allow(unconditional_recursion))]
#[inline(never)]
fn descend(level: usize) -> usize {
    // blamed
    let frame = black_box([level; 32]); // blamed
    #[cfg(not(bad))]
    if level == 4 {
        return level;
    }
    descend(level + 1).max(frame[0]) // blamed
}
