// SPDX-License-Identifier: GPL-2.0

//! Writes a number to memory that was freed.

use kernel::prelude::*;

module! {
    type: WriteAfterFree,
    name: "write_after_free",
    authors: ["The rustbed authors"],
    description: "write after free",
    license: "GPL",
}

struct WriteAfterFree;

impl kernel::Module for WriteAfterFree {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        write(KBox::new([0; 4], GFP_KERNEL)?);
        Ok(Self)
    }
}

#[inline(never)]
fn write(mut numbers: KBox<[u64; 4]>) {
    let pointer = &raw mut numbers[2];
    #[cfg(bad)]
    drop(numbers); // blamed
    // SAFETY: The box lives until the end of this function; the bad one's does not.
    unsafe { pointer.write_volatile(7) }; // blamed
}
