// SPDX-License-Identifier: GPL-2.0

//! Takes two locks in one order, then in the other.

use kernel::{
    new_mutex,
    prelude::*,
    sync::Mutex, //
};

module! {
    type: LockOrder,
    name: "lock_order",
    authors: ["The rustbed authors"],
    description: "AB-BA lock order",
    license: "GPL",
}

struct LockOrder;

impl kernel::Module for LockOrder {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let here = KBox::pin_init(new_mutex!(1, "here"), GFP_KERNEL)?;
        let there = KBox::pin_init(new_mutex!(1, "there"), GFP_KERNEL)?;
        transfer(&here, &there);
        #[cfg(bad)]
        transfer(&there, &here);
        #[cfg(not(bad))]
        transfer(&here, &there);
        Ok(Self)
    }
}

#[inline(never)]
fn transfer(from: &Mutex<u32>, to: &Mutex<u32>) {
    let mut less = from.lock();
    let mut more = to.lock(); // blamed
    *more += *less;
    *less = 0;
}
