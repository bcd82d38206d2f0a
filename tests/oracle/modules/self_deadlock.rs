// SPDX-License-Identifier: GPL-2.0

//! Takes a spinlock that it holds.

use kernel::{
    new_spinlock,
    prelude::*,
    sync::SpinLock, //
};

module! {
    type: SelfDeadlock,
    name: "self_deadlock",
    authors: ["The rustbed authors"],
    description: "self-deadlock on a spinlock",
    license: "GPL",
}

struct SelfDeadlock;

impl kernel::Module for SelfDeadlock {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        count(&*KBox::pin_init(new_spinlock!(0), GFP_KERNEL)?);
        Ok(Self)
    }
}

fn count(counter: &SpinLock<u32>) {
    let mut guard = counter.lock();
    *guard += 1;
    #[cfg(not(bad))]
    drop(guard);
    show(counter);
}

#[inline(never)]
fn show(counter: &SpinLock<u32>) {
    let guard = counter.lock(); // blamed
    pr_info!("count: {}\n", *guard);
}
