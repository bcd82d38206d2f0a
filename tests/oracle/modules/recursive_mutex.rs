// SPDX-License-Identifier: GPL-2.0

//! Takes a mutex that it holds, while it is unloaded.

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

struct RecursiveMutex {
    counter: Pin<KBox<Mutex<u32>>>,
}

impl kernel::Module for RecursiveMutex {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self {
            counter: KBox::pin_init(new_mutex!(0), GFP_KERNEL)?,
        })
    }
}

impl Drop for RecursiveMutex {
    fn drop(&mut self) {
        count(&self.counter);
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
