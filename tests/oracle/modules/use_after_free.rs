// SPDX-License-Identifier: GPL-2.0

//! Reads a number from memory that was freed.

use kernel::prelude::*;

module! {
    type: UseAfterFree,
    name: "use_after_free",
    authors: ["The rustbed authors"],
    description: "use after free",
    license: "GPL",
}

struct UseAfterFree;

impl kernel::Module for UseAfterFree {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("number: {}\n", read(KBox::new(7, GFP_KERNEL)?));
        Ok(Self)
    }
}

#[inline(never)]
fn read(number: KBox<u64>) -> u64 {
    let pointer = &raw const *number;
    #[cfg(bad)]
    drop(number);
    // SAFETY: The box lives until the end of this function; the bad one's does not.
    unsafe { pointer.read_volatile() } // blamed
}
