// SPDX-License-Identifier: GPL-2.0

//! Unwraps the largest of no numbers.

use kernel::prelude::*;

module! {
    type: UnwrapNone,
    name: "unwrap_none",
    authors: ["The rustbed authors"],
    description: "unwrap of None",
    license: "GPL",
}

struct UnwrapNone;

impl kernel::Module for UnwrapNone {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("largest: {}\n", largest(&[]));
        Ok(Self)
    }
}

#[inline(never)]
fn largest(numbers: &[u32]) -> u32 {
    #[cfg(bad)]
    let largest = numbers.iter().max().unwrap(); // blamed
    #[cfg(not(bad))]
    let largest = numbers.iter().max().unwrap_or(&0);
    *largest
}
