// SPDX-License-Identifier: GPL-2.0

//! Counts, for other modules.

mod limits;

use core::sync::atomic::{AtomicU32, Ordering};
use kernel::prelude::*;

module! {
    type: Counter,
    name: "counter",
    authors: ["Somebody else"],
    description: "Counts for other modules",
    license: "GPL",
}

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Returns the next number, or 0 at the end.
#[no_mangle]
pub extern "C" fn counter_next() -> u32 {
    let count = COUNT.load(Ordering::Relaxed);
    if limits::is_last(count) {
        return 0;
    }
    COUNT.store(count + 1, Ordering::Relaxed);
    count + 1
}

struct Counter;

impl kernel::Module for Counter {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("ready\n");
        Ok(Self)
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        pr_info!("counted to {}\n", COUNT.load(Ordering::Relaxed));
    }
}
