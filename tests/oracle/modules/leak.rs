// SPDX-License-Identifier: GPL-2.0

//! Forgets memory that nobody else knows of.

use kernel::prelude::*;

module! {
    type: Leak,
    name: "leak",
    authors: ["The rustbed authors"],
    description: "memory leak",
    license: "GPL",
}

struct Leak;

impl kernel::Module for Leak {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        allocate()?;
        Ok(Self)
    }
}

#[inline(never)]
fn allocate() -> Result {
    let memory = KBox::new([0u8; 64], GFP_KERNEL)?; // blamed
    #[cfg(bad)]
    core::mem::forget(memory);
    #[cfg(not(bad))]
    drop(memory);
    Ok(())
}
