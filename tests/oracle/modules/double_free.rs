// SPDX-License-Identifier: GPL-2.0

//! Frees memory twice.

use kernel::prelude::*;

module! {
    type: DoubleFree,
    name: "double_free",
    authors: ["The rustbed authors"],
    description: "double free",
    license: "GPL",
}

struct DoubleFree;

impl kernel::Module for DoubleFree {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        free(KBox::into_raw(KBox::new(7, GFP_KERNEL)?)); // blamed
        Ok(Self)
    }
}

#[inline(never)]
fn free(number: *mut u64) {
    // SAFETY: The pointer comes from `KBox::into_raw()`.
    drop(unsafe { KBox::from_raw(number) });
    #[cfg(bad)]
    // SAFETY: None: it was freed above.
    drop(unsafe { KBox::from_raw(number) }); // blamed
}
