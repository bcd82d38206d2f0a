// SPDX-License-Identifier: GPL-2.0

//! Allocates memory under a spinlock as if it could sleep there.

use kernel::{
    new_spinlock,
    prelude::*,
    sync::SpinLock, //
};

module! {
    type: SleepInAtomic,
    name: "sleep_in_atomic",
    authors: ["The rustbed authors"],
    description: "sleep under a spinlock",
    license: "GPL",
}

struct SleepInAtomic;

impl kernel::Module for SleepInAtomic {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        allocate_locked(&*KBox::pin_init(new_spinlock!(()), GFP_KERNEL)?)?;
        Ok(Self)
    }
}

#[inline(never)]
fn allocate_locked(lock: &SpinLock<()>) -> Result {
    #[cfg(bad)]
    let flags = GFP_KERNEL;
    #[cfg(not(bad))]
    let flags = GFP_ATOMIC;
    let _guard = lock.lock();
    drop(KBox::new(0u64, flags)?); // blamed
    Ok(())
}
