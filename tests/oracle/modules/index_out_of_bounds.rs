// SPDX-License-Identifier: GPL-2.0

//! Indexes a slice with its length.

use kernel::prelude::*;

module! {
    type: IndexOutOfBounds,
    name: "index_out_of_bounds",
    authors: ["The rustbed authors"],
    description: "index out of bounds",
    license: "GPL",
}

struct IndexOutOfBounds;

impl kernel::Module for IndexOutOfBounds {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("last: {}\n", last(&[1, 2, 3, 4]));
        Ok(Self)
    }
}

#[inline(never)]
fn last(numbers: &[u32]) -> u32 {
    #[cfg(bad)]
    let index = numbers.len();
    #[cfg(not(bad))]
    let index = numbers.len() - 1;
    numbers[index] // blamed
}
