// SPDX-License-Identifier: GPL-2.0

//! Leaves a timer behind when it is unloaded.

use kernel::{
    impl_has_hr_timer,
    prelude::*,
    sync::{Arc, ArcBorrow},
    time::{
        hrtimer::{
            self,
            HrTimer,
            HrTimerCallback,
            HrTimerCallbackContext,
            HrTimerPointer,
            HrTimerRestart,
            RelativeMode, //
        },
        Delta,
        Monotonic, //
    },
};

module! {
    type: CallbackAfterUnload,
    name: "callback_after_unload",
    authors: ["The rustbed authors"],
    description: "callback left behind after unload",
    license: "GPL",
}

struct CallbackAfterUnload {
    #[cfg(not(bad))]
    _handle: hrtimer::ArcHrTimerHandle<Alarm>,
}

impl kernel::Module for CallbackAfterUnload {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let alarm = Arc::pin_init(Alarm::new(), GFP_KERNEL)?;
        let handle = alarm.start(Delta::from_millis(500));
        #[cfg(bad)]
        core::mem::forget(handle);
        Ok(Self {
            #[cfg(not(bad))]
            _handle: handle,
        })
    }
}

#[pin_data]
struct Alarm {
    #[pin]
    timer: HrTimer<Self>,
}

impl Alarm {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            timer <- HrTimer::new(),
        })
    }
}

impl HrTimerCallback for Alarm {
    type Pointer<'a> = Arc<Self>;

    fn run(_alarm: ArcBorrow<'_, Self>, _: HrTimerCallbackContext<'_, Self>) -> HrTimerRestart {
        pr_info!("ring\n"); // blamed
        HrTimerRestart::NoRestart
    }
}

impl_has_hr_timer! {
    impl HasHrTimer<Self> for Alarm {
        mode: RelativeMode<Monotonic>, field: self.timer
    }
}
