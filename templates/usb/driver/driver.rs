// SPDX-License-Identifier: GPL-2.0

//! A driver for QEMU's USB tablet.

use kernel::{
    device::{
        Core,
        Device, //
    },
    prelude::*,
    usb, //
};

// All of QEMU's input devices have these ids ...
const VENDOR: u16 = 0x0627;
const PRODUCT: u16 = 0x0001;
// ... and this class, but the tablet has no protocol; that of the keyboard is 1, that of the mouse 2.
const CLASS: u8 = 3;
const SUBCLASS: u8 = 0;
const PROTOCOL: u8 = 0;

struct @Type@;

kernel::usb_device_table!(
    USB_TABLE,
    <@Type@ as usb::Driver>::IdInfo,
    [(
        usb::DeviceId::from_device_and_interface_info(VENDOR, PRODUCT, CLASS, SUBCLASS, PROTOCOL),
        ()
    )]
);

impl usb::Driver for @Type@ {
    type IdInfo = ();
    type Data<'bound> = Self;

    const ID_TABLE: usb::IdTable<Self::IdInfo> = &USB_TABLE;

    fn probe<'bound>(
        interface: &'bound usb::Interface<Core<'_>>,
        _id: &usb::DeviceId,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self, Error> + 'bound {
        let dev: &Device<Core<'_>> = interface.as_ref();
        dev_info!(dev, "tablet found\n");

        Ok(Self)
    }

    // Called when the driver is unbound, and when the device is unplugged.
    fn disconnect<'bound>(interface: &'bound usb::Interface<Core<'_>>, _this: Pin<&Self>) {
        let dev: &Device<Core<'_>> = interface.as_ref();
        dev_info!(dev, "gone\n");
    }
}

kernel::module_usb_driver! {
    type: @Type@,
    name: "@name@",
    authors: ["@author@"],
    description: "@Type@ USB driver",
    license: "GPL",
}
