// SPDX-License-Identifier: GPL-2.0

//! Trusts its device: a register's value is an index without a check.

use kernel::{
    device::Core,
    io::Io,
    pci,
    prelude::*, //
};

const NAMES: [&str; 2] = ["zero", "one"];

struct Trusting;

kernel::pci_device_table!(
    PCI_TABLE,
    <Trusting as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_id(pci::Vendor::REDHAT, 0xcafe), ())]
);

fn run(pdev: &pci::Device<Core<'_>>) -> Result {
    pdev.enable_device_mem()?;
    let bar = pdev.iomap_region_sized::<0x10>(0, c"trusting")?;
    let index = bar.read32(0x0);
    if index == u32::MAX {
        return Err(ENODEV);
    }
    dev_info!(pdev, "this is {}\n", NAMES[index as usize]);
    Ok(())
}

impl pci::Driver for Trusting {
    type IdInfo = ();
    type Data<'bound> = Self;
    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self, Error> + 'bound {
        run(pdev).map(|()| Self)
    }
}

kernel::module_pci_driver! {
    type: Trusting,
    name: "trusting",
    authors: ["rustbed"],
    description: "Trusts its device",
    license: "GPL v2",
}
