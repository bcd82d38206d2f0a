// SPDX-License-Identifier: GPL-2.0

//! Panics in an ioctl that it does not know.

use kernel::{
    fs::File,
    miscdevice::{MiscDevice, MiscDeviceOptions, MiscDeviceRegistration},
    prelude::*,
};

module! {
    type: PanicInIoctl,
    name: "panic_in_ioctl",
    authors: ["The rustbed authors"],
    description: "panic in ioctl",
    license: "GPL",
}

#[pin_data]
struct PanicInIoctl {
    #[pin]
    _device: MiscDeviceRegistration<Device>,
}

impl kernel::InPlaceModule for PanicInIoctl {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = MiscDeviceOptions {
            name: c"panic_in_ioctl",
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

    #[inline(never)]
    fn ioctl(_: (), _file: &File, _command: u32, _argument: usize) -> Result<isize> {
        #[cfg(bad)]
        panic!("unknown command"); // blamed
        #[cfg(not(bad))]
        return Err(ENOTTY);
    }
}
