// SPDX-License-Identifier: GPL-2.0

//! Takes a spinlock that it holds, while it is unloaded.

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

struct SelfDeadlock {
    counter: Pin<KBox<SpinLock<u32>>>,
}

impl kernel::Module for SelfDeadlock {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self {
            counter: KBox::pin_init(new_spinlock!(0), GFP_KERNEL)?,
        })
    }
}

impl Drop for SelfDeadlock {
    fn drop(&mut self) {
        count(&self.counter);
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
