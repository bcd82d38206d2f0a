// SPDX-License-Identifier: GPL-2.0

//! Waits for something that nobody does.

use kernel::{
    prelude::*,
    sync::Completion, //
};

module! {
    type: HungTask,
    name: "hung_task",
    authors: ["The rustbed authors"],
    description: "a task stuck forever",
    license: "GPL",
}

struct HungTask;

impl kernel::Module for HungTask {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        wait(&*KBox::pin_init(Completion::new(), GFP_KERNEL)?);
        Ok(Self)
    }
}

#[inline(never)]
fn wait(done: &Completion) {
    #[cfg(not(bad))]
    done.complete_all();
    done.wait_for_completion(); // blamed
    pr_info!("done\n");
}
