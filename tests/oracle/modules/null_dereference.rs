// SPDX-License-Identifier: GPL-2.0

//! Follows the pointer of a search that found nothing.

use core::{hint::black_box, ptr::null};
use kernel::prelude::*;

module! {
    type: NullDereference,
    name: "null_dereference",
    authors: ["The rustbed authors"],
    description: "NULL dereference",
    license: "GPL",
}

struct NullDereference;

impl kernel::Module for NullDereference {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("value: {}\n", value_of(black_box(null())));
        Ok(Self)
    }
}

struct Entry {
    _key: u64,
    value: u64,
}

#[inline(never)]
fn value_of(entry: *const Entry) -> u64 {
    #[cfg(not(bad))]
    if entry.is_null() {
        return 0;
    }
    // SAFETY: The pointer is not NULL, then it is valid; in the bad one it is.
    unsafe { (*entry).value } // blamed
}
