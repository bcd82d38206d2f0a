// SPDX-License-Identifier: GPL-2.0-only

//! Tells how long a second is, by a constant of the bindings and by a function of the kernel.

use kernel::{bindings, prelude::*, time::msecs_to_jiffies};

module! {
    type: Hertz,
    name: "hertz",
    authors: ["The rustbed authors"],
    description: "A module that knows how long a second is",
    license: "GPL",
}

struct Hertz;

impl kernel::Module for Hertz {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("HZ={} second={}\n", bindings::HZ, msecs_to_jiffies(1000));
        Ok(Self)
    }
}
