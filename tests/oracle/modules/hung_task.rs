// SPDX-License-Identifier: GPL-2.0

//! Waits, while it is unloaded, for something that nobody does.

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

struct HungTask {
    done: Pin<KBox<Completion>>,
}

impl kernel::Module for HungTask {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self {
            done: KBox::pin_init(Completion::new(), GFP_KERNEL)?,
        })
    }
}

impl Drop for HungTask {
    fn drop(&mut self) {
        wait(&self.done);
    }
}

#[inline(never)]
fn wait(done: &Completion) {
    #[cfg(not(bad))]
    done.complete_all();
    done.wait_for_completion(); // blamed
    pr_info!("done\n");
}
