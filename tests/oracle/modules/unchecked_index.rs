// SPDX-License-Identifier: GPL-2.0

//! Indexes a slice with its length, and promises that this is right.

use kernel::prelude::*;

module! {
    type: UncheckedIndex,
    name: "unchecked_index",
    authors: ["The rustbed authors"],
    description: "get_unchecked out of bounds",
    license: "GPL",
}

struct UncheckedIndex;

impl kernel::Module for UncheckedIndex {
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
    // SAFETY: The index is within the slice; in the bad one it is not.
    unsafe { *numbers.get_unchecked(index) } // blamed
}
