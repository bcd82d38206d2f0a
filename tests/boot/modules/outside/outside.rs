// SPDX-License-Identifier: GPL-2.0-only

//! A module that lives outside of the kernel's tree, as a driver author's does.

use kernel::prelude::*;

module! {
    type: Outside,
    name: "outside",
    authors: ["The rustbed authors"],
    description: "A module outside of the tree",
    license: "GPL",
}

struct Outside;

impl kernel::Module for Outside {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("hello\n");
        Ok(Self)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        pr_info!("goodbye\n");
    }
}
