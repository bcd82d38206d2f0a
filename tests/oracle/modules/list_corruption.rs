// SPDX-License-Identifier: GPL-2.0

//! Adds an entry to a list twice.

use kernel::{
    bindings,
    prelude::*, //
};

module! {
    type: ListCorruption,
    name: "list_corruption",
    authors: ["The rustbed authors"],
    description: "list corruption",
    license: "GPL",
}

struct ListCorruption;

impl kernel::Module for ListCorruption {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let entries = [bindings::list_head::default(); 2];
        fill(&mut *KBox::new(entries, GFP_KERNEL)?);
        Ok(Self)
    }
}

#[inline(never)]
fn fill([head, entry]: &mut [bindings::list_head; 2]) {
    // SAFETY: Both live and stay where they are; the bad one adds what is there already.
    unsafe {
        bindings::INIT_LIST_HEAD(head);
        bindings::list_add_tail(entry, head);
        #[cfg(bad)]
        bindings::list_add_tail(entry, head); // blamed
    }
    pr_info!("filled\n");
}
