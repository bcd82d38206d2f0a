// SPDX-License-Identifier: GPL-2.0

//! Lets a device write to memory and waits for its interrupt, all in its probe.

use kernel::{
    device::Core,
    dma::{
        Coherent,
        Device,
        DmaMask, //
    },
    io::{
        io_read,
        Io, //
    },
    irq,
    pci,
    prelude::*,
    sync::Completion, //
};

const START: u32 = 1;
const SEEN: u32 = 1;

struct Engine;

#[pin_data]
struct Done<'a> {
    bar: &'a pci::Bar<'a, 0x10>,
    #[pin]
    completion: Completion,
}

impl irq::Handler for Done<'_> {
    fn handle(&self) -> irq::IrqReturn {
        // a line stays raised until the device is told, and this would be called for ever
        self.bar.write32(SEEN, 0x8);
        self.completion.complete_all();
        irq::IrqReturn::Handled
    }
}

kernel::pci_device_table!(
    PCI_TABLE,
    <Engine as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_id(pci::Vendor::REDHAT, 0xcafe), ())]
);

fn run(pdev: &pci::Device<Core<'_>>) -> Result {
    pdev.enable_device_mem()?;
    pdev.set_master();
    // SAFETY: There are no concurrent calls to DMA allocation and mapping primitives.
    unsafe { pdev.dma_set_mask_and_coherent(DmaMask::new::<32>())? };
    let bar = &pdev.iomap_region_sized::<0x10>(0, c"engine")?;
    let memory: Coherent<[u32]> = Coherent::zeroed_slice(pdev.as_ref(), 4, GFP_KERNEL)?;

    let vectors = pdev.alloc_irq_vectors(1, 1, pci::IrqTypes::all())?;
    // SAFETY: The registration is dropped at this function's end.
    let done = unsafe {
        irq::Registration::new(
            vectors.index(0)?.into(),
            irq::Flags::SHARED,
            c"engine",
            try_pin_init!(Done { bar, completion <- Completion::new() }? Error),
        )
    };
    let done = KBox::pin_init(done, GFP_KERNEL)?;

    bar.write32(memory.dma_address() as u32, 0x4);
    bar.write32(START, 0x0);
    done.handler().completion.wait_for_completion();
    dev_info!(pdev, "the engine wrote {:#x}\n", io_read!(memory, [panic: 1]));
    Ok(())
}

impl pci::Driver for Engine {
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
    type: Engine,
    name: "engine",
    authors: ["rustbed"],
    description: "Waits for a device's DMA and interrupt",
    license: "GPL v2",
}
