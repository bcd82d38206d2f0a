// SPDX-License-Identifier: GPL-2.0-only

//! Says what firmware says of a platform device.

use kernel::{
    device::Core,
    of,
    platform,
    prelude::*,
    str::CString, //
};

struct Described;

kernel::of_device_table!(
    OF_TABLE,
    <Described as platform::Driver>::IdInfo,
    [(of::DeviceId::new(c"acme,described"), ())]
);

impl platform::Driver for Described {
    type IdInfo = ();
    type Data<'bound> = Self;
    const OF_ID_TABLE: Option<of::IdTable<Self::IdInfo>> = Some(&OF_TABLE);

    fn probe<'bound>(
        pdev: &'bound platform::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self, Error> + 'bound {
        let dev = pdev.as_ref();
        let node = dev.fwnode().ok_or(ENODEV)?;

        let ready = node.property_read_bool(c"acme,ready");
        let silent = node.property_read_bool(c"acme,silent");
        dev_info!(dev, "ready={ready} silent={silent}\n");
        let label: CString = node.property_read(c"acme,label").required_by(dev)?;
        dev_info!(dev, "label={label:?}\n");
        let limit: u32 = node.property_read(c"acme,limit").required_by(dev)?;
        dev_info!(dev, "limit={limit:#x}\n");
        let offsets: [i16; 3] = node.property_read(c"acme,offsets").required_by(dev)?;
        dev_info!(dev, "offsets={offsets:?}\n");
        for index in 0..2 {
            let regs = pdev.resource_by_index(index).ok_or(ENXIO)?;
            dev_info!(dev, "regs {:#x} {:#x}\n", regs.start(), regs.size());
        }
        pdev.irq_by_index(0)?;
        dev_info!(dev, "has its interrupt\n");
        Ok(Self)
    }
}

kernel::module_platform_driver! {
    type: Described,
    name: "described",
    authors: ["The rustbed authors"],
    description: "A driver that says what it was told of its device",
    license: "GPL",
}
