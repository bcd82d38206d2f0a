// SPDX-License-Identifier: GPL-2.0

//! Doubles a number, and is off by one.

use kernel::{
    fs::File,
    miscdevice::{MiscDevice, MiscDeviceOptions, MiscDeviceRegistration},
    prelude::*,
};

module! {
    type: WrongValue,
    name: "wrong_value",
    authors: ["The rustbed authors"],
    description: "a wrong value",
    license: "GPL",
}

#[pin_data]
struct WrongValue {
    #[pin]
    _device: MiscDeviceRegistration<Device>,
}

impl kernel::InPlaceModule for WrongValue {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = MiscDeviceOptions {
            name: c"wrong_value",
        };
        try_pin_init!(Self {
            _device <- MiscDeviceRegistration::register(options),
        })
    }
}

struct Device;

#[vtable]
impl MiscDevice for Device {
    type Ptr = ();

    fn open(_file: &File, _device: &MiscDeviceRegistration<Self>) -> Result {
        Ok(())
    }

    /// Returns twice the argument.
    fn ioctl(_: (), _file: &File, _command: u32, argument: usize) -> Result<isize> {
        #[cfg(bad)]
        let doubled = 2 * argument + 1; // blamed
        #[cfg(not(bad))]
        let doubled = 2 * argument;
        Ok(doubled as isize)
    }
}
