// SPDX-License-Identifier: GPL-2.0

//! Waits for a bit of its device's status, as most drivers do, whenever /sys/kernel/debug/waiter/status is read.
//!
//! What is read is `ready`; `gone` if the status reads as all-ones; `timeout`.

use kernel::{
    debugfs,
    device::Core,
    io::{
        poll::read_poll_timeout,
        Io, //
    },
    pci,
    prelude::*,
    time::Delta, //
};

const STATUS: usize = 0x00;
const END: usize = 0x04;
const READY: u32 = 1;

struct Waiter {
    bar: pci::DevresBar<END>,
    timeout: Delta,
}

impl Waiter {
    fn wait(&self) -> Result<&'static str> {
        let status = read_poll_timeout(
            || Ok(self.bar.try_access().ok_or(ENODEV)?.read32(STATUS)),
            |status| status & READY != 0,
            Delta::from_millis(10),
            self.timeout,
        )?;
        Ok(if status == !0 { "gone" } else { "ready" })
    }
}

#[pin_data]
struct WaiterData {
    #[pin]
    _file: debugfs::File<Waiter>,
    _directory: debugfs::Dir,
}

struct WaiterDriver;

kernel::pci_device_table!(
    PCI_TABLE,
    <WaiterDriver as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_id(pci::Vendor::REDHAT, 0xcafd), ())]
);

impl pci::Driver for WaiterDriver {
    type IdInfo = ();
    type Data<'bound> = WaiterData;
    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<WaiterData, Error> + 'bound {
        pin_init::pin_init_scope(move || {
            pdev.enable_device_mem()?;
            let waiter = Waiter {
                bar: pdev
                    .iomap_region_sized::<END>(0, c"waiter")?
                    .into_devres()?,
                timeout: Delta::from_millis(module_parameters::timeout_ms.value().into()),
            };
            let directory = debugfs::Dir::new(c"waiter");
            Ok(try_pin_init!(WaiterData {
                _file <- directory.read_callback_file(
                    c"status",
                    Ok::<_, Error>(waiter),
                    &|waiter: &Waiter, out| writeln!(out, "{}", waiter.wait().unwrap_or("timeout")),
                ),
                _directory: directory.clone(),
            }? Error))
        })
    }
}

kernel::module_pci_driver! {
    type: WaiterDriver,
    name: "waiter",
    authors: ["rustbed"],
    description: "Waits for its device",
    license: "GPL v2",
    params: {
        timeout_ms: u32 {
            default: 1000,
            description: "Milliseconds that the device has to be ready",
        },
    },
}
