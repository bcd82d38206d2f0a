// SPDX-License-Identifier: GPL-2.0

//! Takes a value that is out of range, and says that all is well.

use kernel::{
    fs::File,
    miscdevice::{MiscDevice, MiscDeviceOptions, MiscDeviceRegistration},
    prelude::*,
};

module! {
    type: SilentSuccess,
    name: "silent_success",
    authors: ["The rustbed authors"],
    description: "success where failure is due",
    license: "GPL",
}

#[pin_data]
struct SilentSuccess {
    #[pin]
    _device: MiscDeviceRegistration<Device>,
}

impl kernel::InPlaceModule for SilentSuccess {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = MiscDeviceOptions {
            name: c"silent_success",
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

    /// Takes a percentage.
    fn ioctl(_: (), _file: &File, _command: u32, argument: usize) -> Result<isize> {
        if argument > 100 {
            #[cfg(bad)]
            return Ok(0); // blamed
            #[cfg(not(bad))]
            return Err(ERANGE);
        }
        Ok(0)
    }
}
