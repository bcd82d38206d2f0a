// SPDX-License-Identifier: GPL-2.0

//! Panics while it is unloaded.

use kernel::prelude::*;

module! {
    type: PanicInDrop,
    name: "panic_in_drop",
    authors: ["The rustbed authors"],
    description: "panic in drop",
    license: "GPL",
}

struct PanicInDrop {
    open: usize,
}

impl kernel::Module for PanicInDrop {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self { open: 1 })
    }
}

impl Drop for PanicInDrop {
    #[inline(never)]
    fn drop(&mut self) {
        #[cfg(not(bad))]
        {
            self.open -= 1;
        }
        if self.open != 0 {
            panic!("{} still open", self.open); // blamed
        }
    }
}
