// SPDX-License-Identifier: GPL-2.0

//! Leaves a timer behind when it is unloaded.

use core::ptr::NonNull;
use kernel::{
    bindings,
    prelude::*, //
};

module! {
    type: CallbackAfterUnload,
    name: "callback_after_unload",
    authors: ["The rustbed authors"],
    description: "callback left behind after unload",
    license: "GPL",
}

struct CallbackAfterUnload {
    timer: NonNull<bindings::hrtimer>,
}

// SAFETY: Timers may be used from any thread.
unsafe impl Send for CallbackAfterUnload {}
// SAFETY: As above.
unsafe impl Sync for CallbackAfterUnload {}

impl kernel::Module for CallbackAfterUnload {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let timer = KBox::leak(KBox::new(bindings::hrtimer::default(), GFP_KERNEL)?);
        let clock = bindings::CLOCK_MONOTONIC as i32;
        let mode = bindings::hrtimer_mode_HRTIMER_MODE_REL;
        // SAFETY: The timer is valid and stays where it is.
        unsafe { bindings::hrtimer_setup(timer, Some(ring), clock, mode) };
        Ok(Self {
            timer: timer.into(),
        })
    }
}

impl Drop for CallbackAfterUnload {
    fn drop(&mut self) {
        let mode = bindings::hrtimer_mode_HRTIMER_MODE_REL;
        // SAFETY: The timer was set up in `init()`, and nobody else frees it.
        unsafe {
            bindings::hrtimer_start_range_ns(self.timer.as_ptr(), 2_000_000_000, 0, mode);
            #[cfg(not(bad))]
            bindings::hrtimer_cancel(self.timer.as_ptr());
            #[cfg(not(bad))]
            drop(KBox::from_raw(self.timer.as_ptr()));
        }
    }
}

unsafe extern "C" fn ring(_timer: *mut bindings::hrtimer) -> bindings::hrtimer_restart {
    // blamed
    pr_info!("ring\n");
    bindings::hrtimer_restart::HRTIMER_NORESTART
}
