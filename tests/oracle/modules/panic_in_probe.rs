// SPDX-License-Identifier: GPL-2.0

//! Panics when it finds its device, QEMU's pci-testdev, as it should be.

use kernel::{device::Core, pci, prelude::*};

kernel::module_pci_driver! {
    type: PanicInProbe,
    name: "panic_in_probe",
    authors: ["The rustbed authors"],
    description: "panic in probe",
    license: "GPL",
}

struct PanicInProbe;

kernel::pci_device_table!(
    TABLE,
    <PanicInProbe as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_id(pci::Vendor::REDHAT, 0x5), ())]
);

impl pci::Driver for PanicInProbe {
    type IdInfo = ();
    type Data<'bound> = Self;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &TABLE;

    #[inline(never)]
    fn probe<'bound>(
        device: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound ()>,
    ) -> impl PinInit<Self, Error> + 'bound {
        if device.device_id() == 0x5 {
            #[cfg(bad)]
            panic!("unexpected device"); // blamed
        }
        Ok(Self)
    }
}
