// SPDX-License-Identifier: GPL-2.0

//! Waits for its device before it lets go of it, without end: one that was pulled out is never ready.

use kernel::{
    device::Core,
    io::Io,
    pci,
    prelude::*,
    time::{
        delay::fsleep,
        Delta, //
    },
};

const READY: u32 = 1;

struct Keeping {
    bar: pci::DevresBar<0x10>,
}

kernel::pci_device_table!(
    PCI_TABLE,
    <Keeping as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_id(pci::Vendor::REDHAT, 0xcafe), ())]
);

impl Keeping {
    fn open(pdev: &pci::Device<Core<'_>>) -> Result<Self> {
        pdev.enable_device_mem()?;
        let bar = pdev
            .iomap_region_sized::<0x10>(0, c"keeping")?
            .into_devres()?;
        let state = bar.try_access().ok_or(ENODEV)?.read32(0x0);
        dev_info!(pdev, "its device is in state {}\n", state);
        Ok(Self { bar })
    }
}

impl pci::Driver for Keeping {
    type IdInfo = ();
    type Data<'bound> = Self;
    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self, Error> + 'bound {
        Self::open(pdev)
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        while self.bar.try_access().map(|bar| bar.read32(0x0)) != Some(READY) {
            fsleep(Delta::from_millis(100));
        }
    }
}

kernel::module_pci_driver! {
    type: Keeping,
    name: "keeping",
    authors: ["rustbed"],
    description: "Does not let go of its device",
    license: "GPL v2",
}
