// SPDX-License-Identifier: GPL-2.0

//! Takes an error for a pointer.

use core::{hint::black_box, ptr::without_provenance};
use kernel::{bindings, prelude::*};

module! {
    type: WildDereference,
    name: "wild_dereference",
    authors: ["The rustbed authors"],
    description: "wild dereference",
    license: "GPL",
}

struct WildDereference;

impl kernel::Module for WildDereference {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // an errno where a pointer is wanted, aligned like one
        let errno = (bindings::EINVAL as usize).wrapping_neg() & !7;
        let found = black_box(without_provenance(errno));
        pr_info!("value: {}\n", value_of(found));
        Ok(Self)
    }
}

#[inline(never)]
fn value_of(entry: *const u64) -> u64 {
    #[cfg(not(bad))]
    if entry.addr() > bindings::MAX_ERRNO.wrapping_neg() as usize {
        return 0;
    }
    // SAFETY: What is no error is valid; the bad one does not ask.
    unsafe { *entry } // blamed
}
