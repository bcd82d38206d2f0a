// SPDX-License-Identifier: GPL-2.0

//! Adds two lengths that are too long.

use kernel::prelude::*;

module! {
    type: Overflow,
    name: "overflow",
    authors: ["The rustbed authors"],
    description: "arithmetic overflow",
    license: "GPL",
}

struct Overflow;

impl kernel::Module for Overflow {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("total: {}\n", total(&[u32::MAX, 1]));
        Ok(Self)
    }
}

#[inline(never)]
fn total(lengths: &[u32]) -> u32 {
    let mut total = 0u32;
    for length in lengths {
        #[cfg(bad)]
        let sum = total + length; // blamed
        #[cfg(not(bad))]
        let sum = total.saturating_add(*length);
        total = sum;
    }
    total
}
