// SPDX-License-Identifier: GPL-2.0

//! Terminates a string one byte behind its end.

use kernel::prelude::*;

module! {
    type: OutOfBoundsWrite,
    name: "out_of_bounds_write",
    authors: ["The rustbed authors"],
    description: "out-of-bounds write",
    license: "GPL",
}

struct OutOfBoundsWrite;

impl kernel::Module for OutOfBoundsWrite {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        terminate(&mut KVec::from_elem(b'x', 8, GFP_KERNEL)?); // blamed
        Ok(Self)
    }
}

#[inline(never)]
fn terminate(text: &mut KVec<u8>) {
    #[cfg(bad)]
    let end = text.len();
    #[cfg(not(bad))]
    let end = text.len() - 1;
    // SAFETY: `end` is less than the length; in the bad one it is not.
    unsafe { text.as_mut_ptr().add(end).write_volatile(0) }; // blamed
}
