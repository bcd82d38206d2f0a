// SPDX-License-Identifier: GPL-2.0

//! A driver of a device that the device tree describes.

use kernel::{
    device::Core,
    of,
    platform,
    prelude::*,
    sync::aref::ARef, //
};

struct @Type@ {
    pdev: ARef<platform::Device>,
}

kernel::of_device_table!(
    OF_TABLE,
    <@Type@ as platform::Driver>::IdInfo,
    [(of::DeviceId::new(c"example,@device@"), ())]
);

impl platform::Driver for @Type@ {
    type IdInfo = ();
    type Data<'bound> = Self;

    const OF_ID_TABLE: Option<of::IdTable<Self::IdInfo>> = Some(&OF_TABLE);

    fn probe<'bound>(
        pdev: &'bound platform::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self, Error> + 'bound {
        let dev = pdev.as_ref();
        let node = dev.fwnode().ok_or(ENODEV)?;
        let level: u32 = node.property_read(c"example,level").required_by(dev)?;
        if level > 10 {
            dev_err!(dev, "level {level} is out of range\n");
            return Err(EINVAL);
        }
        dev_info!(dev, "level {level}\n");

        Ok(Self { pdev: pdev.into() })
    }
}

impl Drop for @Type@ {
    fn drop(&mut self) {
        dev_info!(self.pdev, "gone\n");
    }
}

kernel::module_platform_driver! {
    type: @Type@,
    name: "@name@",
    authors: ["@author@"],
    description: "@Type@ platform driver",
    license: "GPL",
}
