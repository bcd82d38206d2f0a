// SPDX-License-Identifier: GPL-2.0

//! Takes a mutex that it holds.

use kernel::{
    new_mutex,
    prelude::*,
    sync::Mutex, //
};

module! {
    type: RecursiveMutex,
    name: "recursive_mutex",
    authors: ["The rustbed authors"],
    description: "a mutex taken twice",
    license: "GPL",
}

struct RecursiveMutex;

impl kernel::Module for RecursiveMutex {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        count(&*KBox::pin_init(new_mutex!(0), GFP_KERNEL)?);
        Ok(Self)
    }
}

fn count(counter: &Mutex<u32>) {
    let mut guard = counter.lock();
    *guard += 1;
    #[cfg(not(bad))]
    drop(guard);
    show(counter);
}

#[inline(never)]
fn show(counter: &Mutex<u32>) {
    let guard = counter.lock(); // blamed
    pr_info!("count: {}\n", *guard);
}
