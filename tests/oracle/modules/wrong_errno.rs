// SPDX-License-Identifier: GPL-2.0

//! Says EINVAL of an ioctl that it does not know.

use kernel::{
    fs::File,
    miscdevice::{MiscDevice, MiscDeviceOptions, MiscDeviceRegistration},
    prelude::*,
};

module! {
    type: WrongErrno,
    name: "wrong_errno",
    authors: ["The rustbed authors"],
    description: "a wrong errno",
    license: "GPL",
}

#[pin_data]
struct WrongErrno {
    #[pin]
    _device: MiscDeviceRegistration<Device>,
}

impl kernel::InPlaceModule for WrongErrno {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = MiscDeviceOptions {
            name: c"wrong_errno",
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

    fn ioctl(_: (), _file: &File, _command: u32, _argument: usize) -> Result<isize> {
        #[cfg(bad)]
        let refused = EINVAL; // blamed
        #[cfg(not(bad))]
        let refused = ENOTTY;
        Err(refused)
    }
}
