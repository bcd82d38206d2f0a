// SPDX-License-Identifier: GPL-2.0

//! Frees a timer that is still to expire.

use kernel::{
    bindings,
    prelude::*, //
};

module! {
    type: ActiveTimerFreed,
    name: "active_timer_freed",
    authors: ["The rustbed authors"],
    description: "a timer freed while active",
    license: "GPL",
}

struct ActiveTimerFreed;

impl kernel::Module for ActiveTimerFreed {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        forget_alarm(KBox::new(bindings::hrtimer::default(), GFP_KERNEL)?);
        Ok(Self)
    }
}

unsafe extern "C" fn ring(_timer: *mut bindings::hrtimer) -> bindings::hrtimer_restart {
    bindings::hrtimer_restart::HRTIMER_NORESTART
}

#[inline(never)]
fn forget_alarm(mut timer: KBox<bindings::hrtimer>) {
    let clock = bindings::CLOCK_MONOTONIC as i32;
    let mode = bindings::hrtimer_mode_HRTIMER_MODE_REL;
    // SAFETY: The timer is valid and stays where it is until it is freed.
    unsafe {
        bindings::hrtimer_setup(&mut *timer, Some(ring), clock, mode);
        bindings::hrtimer_start_range_ns(&mut *timer, 3_600_000_000_000, 0, mode);
        #[cfg(not(bad))]
        bindings::hrtimer_cancel(&mut *timer);
    }
    drop(timer); // blamed
}
