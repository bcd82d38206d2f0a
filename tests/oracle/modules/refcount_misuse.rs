// SPDX-License-Identifier: GPL-2.0

//! Takes a reference to what has none left.

use kernel::{
    prelude::*,
    sync::Refcount, //
};

module! {
    type: RefcountMisuse,
    name: "refcount_misuse",
    authors: ["The rustbed authors"],
    description: "refcount misuse",
    license: "GPL",
}

struct RefcountMisuse;

impl kernel::Module for RefcountMisuse {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        share(&Refcount::new(1));
        Ok(Self)
    }
}

#[inline(never)]
fn share(users: &Refcount) {
    #[cfg(bad)]
    let _ = users.dec_and_test();
    users.inc(); // blamed
    users.dec();
}
