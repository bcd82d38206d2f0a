// SPDX-License-Identifier: GPL-2.0

//! Waits for seconds, spinning, with preemption off.

use core::hint::spin_loop;
use kernel::{
    bindings,
    new_spinlock,
    prelude::*,
    sync::SpinLock,
    time::{msecs_to_jiffies, Jiffies}, //
};

module! {
    type: SoftLockup,
    name: "soft_lockup",
    authors: ["The rustbed authors"],
    description: "spinning with preemption off",
    license: "GPL",
}

struct SoftLockup;

impl kernel::Module for SoftLockup {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        wait(&*KBox::pin_init(new_spinlock!(()), GFP_KERNEL)?);
        Ok(Self)
    }
}

fn jiffies() -> Jiffies {
    // SAFETY: Always there to be read.
    unsafe { (&raw const bindings::jiffies).read_volatile() }
}

#[inline(never)]
fn wait(lock: &SpinLock<()>) {
    let _guard = lock.lock();
    #[cfg(not(bad))]
    drop(_guard);
    let (begin, span) = (jiffies(), msecs_to_jiffies(6_000));
    // The clock meets it at any place: in the condition, too, if seldom.
    while jiffies().wrapping_sub(begin) < span {
        // blamed
        // Long, and calls nothing: a function that is met at its first instruction hides its caller.
        (0..1_000_000).for_each(|_| spin_loop()); // blamed
    }
}
