// SPDX-License-Identifier: GPL-2.0

//! A driver for "edu", QEMU's device for teaching (docs/specs/edu.rst in QEMU's sources).

use kernel::{
    device::Core,
    io::{
        register,
        Io, //
    },
    pci,
    prelude::*, //
};

mod regs {
    use super::*;

    register! {
        /// What the device is, and its version.
        pub(super) ID(u32) @ 0x0 {
            31:24 major;
            23:16 minor;
            15:0 magic;
        }

        /// Reads as the complement of what was written.
        pub(super) LIVENESS(u32) @ 0x4 {
            31:0 value;
        }
    }

    pub(super) const END: usize = 0x8;
    pub(super) const MAGIC: u32 = 0x00ed;
}

type Bar0<'bound> = pci::Bar<'bound, { regs::END }>;

struct @Type@;

struct @Type@Data<'bound> {
    pdev: &'bound pci::Device,
    _bar: Bar0<'bound>,
}

// The vendor of edu is not in the kernel's table: it is matched by its class, and known by its magic number.
kernel::pci_device_table!(
    PCI_TABLE,
    <@Type@ as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_class(0x00ff00, 0xffffff), ())]
);

impl @Type@ {
    fn is_alive(bar: &Bar0<'_>) -> bool {
        let question = 0x1234_5678;
        bar.write_reg(regs::LIVENESS::zeroed().with_value(question));

        bar.read(regs::LIVENESS).into_raw() == !question
    }
}

impl pci::Driver for @Type@ {
    type IdInfo = ();
    type Data<'bound> = @Type@Data<'bound>;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        pdev.enable_device_mem()?;

        let bar = pdev.iomap_region_sized::<{ regs::END }>(0, c"@name@")?;
        let id = bar.read(regs::ID);
        if id.into_raw() & 0xffff != regs::MAGIC {
            return Err(ENODEV);
        }
        if !Self::is_alive(&bar) {
            return Err(EIO);
        }
        dev_info!(
            pdev,
            "edu {}.{} is alive\n",
            id.into_raw() >> 24,
            (id.into_raw() >> 16) & 0xff
        );

        Ok(@Type@Data { pdev, _bar: bar })
    }
}

impl Drop for @Type@Data<'_> {
    fn drop(&mut self) {
        dev_info!(self.pdev, "gone\n");
    }
}

kernel::module_pci_driver! {
    type: @Type@,
    name: "@name@",
    authors: ["@author@"],
    description: "@Type@ PCI driver",
    license: "GPL",
}
