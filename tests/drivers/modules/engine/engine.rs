// SPDX-License-Identifier: GPL-2.0

//! Has a device add up bytes, by descriptors in a ring that it shares with the device.
//!
//! What is written to /sys/kernel/debug/engine/sum is added up; what is read from there is the sum.

// an address of DMA has 32 bits on some architectures
#![allow(clippy::unnecessary_cast)]

use kernel::{
    debugfs,
    device::Core,
    dma::{
        Coherent,
        Device,
        DmaMask, //
    },
    io::{
        io_project,
        io_read,
        Io, //
    },
    irq,
    new_condvar,
    new_mutex,
    pci,
    prelude::*,
    sync::{
        barrier,
        Arc,
        CondVar,
        CondVarTimeoutResult,
        Mutex, //
    },
    time::msecs_to_jiffies,
    transmute,
    uaccess::UserSliceReader, //
};

const RING: usize = 0x00;
const ENTRIES: usize = 0x08;
const TAIL: usize = 0x0c;
const PENDING: usize = 0x10;
const END: usize = 0x18;

const MOST_ENTRIES: usize = 64;
// bytes that a descriptor has room for
const CHUNK: usize = 64;
const DONE: u16 = 1;

#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes)]
struct Descriptor {
    address: u64,
    sum: u32,
    length: u16,
    // 0 until the device has written it, and before it the sum
    status: u16,
}
// SAFETY: All bit patterns are acceptable values.
unsafe impl transmute::FromBytes for Descriptor {}
// SAFETY: There are no bytes between its fields.
unsafe impl transmute::AsBytes for Descriptor {}

struct State {
    // the first entry that is not in use
    tail: usize,
    sum: u32,
    // the device did not answer in time: what it does to the ring now is unknown
    is_lost: bool,
}

#[pin_data]
struct Queue {
    bar: pci::DevresBar<END>,
    ring: Coherent<[Descriptor]>,
    data: Coherent<[[u8; CHUNK]]>,
    #[pin]
    state: Mutex<State>,
    #[pin]
    done: CondVar,
}

impl Queue {
    fn new(pdev: &pci::Device<Core<'_>>) -> Result<Arc<Self>> {
        let bar = pdev.iomap_region_sized::<END>(0, c"engine")?;
        let entries = bar.read32(ENTRIES) as usize;
        if !(2..=MOST_ENTRIES).contains(&entries) {
            dev_err!(pdev, "a ring of {} entries makes no sense\n", entries);
            return Err(ENODEV);
        }
        let ring: Coherent<[Descriptor]> =
            Coherent::zeroed_slice(pdev.as_ref(), entries, GFP_KERNEL)?;
        let data: Coherent<[[u8; CHUNK]]> =
            Coherent::zeroed_slice(pdev.as_ref(), entries, GFP_KERNEL)?;
        let address = ring.dma_address() as u64;
        bar.write32(address as u32, RING);
        bar.write32((address >> 32) as u32, RING + 4);
        let queue = try_pin_init!(Queue {
            bar: bar.into_devres()?,
            ring,
            data,
            state <- new_mutex!(State { tail: 0, sum: 0, is_lost: false }),
            done <- new_condvar!(),
        }? Error);
        Arc::pin_init(queue, GFP_KERNEL)
    }

    /// Fills an entry of the ring.
    fn put(&self, at: usize, bytes: [u8; CHUNK], length: usize) {
        io_project!(self.data, [panic: at]).copy_write(bytes);
        let address = self.data.dma_address() as u64 + (at * CHUNK) as u64;
        io_project!(self.ring, [panic: at]).copy_write(Descriptor {
            address: address.to_le(),
            sum: 0,
            length: (length as u16).to_le(),
            status: 0,
        });
    }

    /// Has bytes added up, all at once; `fill` gives those of each entry.
    fn add_up(
        &self,
        count: usize,
        mut fill: impl FnMut(&mut [u8; CHUNK]) -> Result<usize>,
    ) -> Result<u32> {
        let entries = self.ring.len();
        // a ring that was full would look like an empty one
        if count == 0 || count >= entries {
            return Err(EINVAL);
        }
        let mut state = self.state.lock();
        if state.is_lost {
            return Err(ENODEV);
        }
        let first = state.tail;
        for number in 0..count {
            let mut bytes = [0; CHUNK];
            let length = fill(&mut bytes)?;
            self.put((first + number) % entries, bytes, length);
        }
        state.tail = (first + count) % entries;
        let tail = state.tail as u32;
        self.bar.try_access().ok_or(ENODEV)?.write32(tail, TAIL);

        let last = (first + count - 1) % entries;
        let mut left = msecs_to_jiffies(module_parameters::timeout_ms.value());
        while io_read!(self.ring, [panic: last].status) == 0 {
            left = match self.done.wait_interruptible_timeout(&mut state, left) {
                CondVarTimeoutResult::Woken { jiffies } => jiffies,
                CondVarTimeoutResult::Timeout => {
                    state.is_lost = true;
                    return Err(ETIMEDOUT);
                }
                CondVarTimeoutResult::Signal { .. } => {
                    state.is_lost = true;
                    return Err(EINTR);
                }
            };
        }
        // the sums were written before the status
        barrier::dma_mb(barrier::Read);
        let mut sum = 0u32;
        for number in 0..count {
            let done = io_project!(self.ring, [panic: (first + number) % entries]).copy_read();
            if u16::from_le(done.status) != DONE {
                return Err(EIO);
            }
            sum = sum.wrapping_add(u32::from_le(done.sum));
        }
        state.sum = sum;
        Ok(sum)
    }

    fn add_up_of_user(&self, user: &mut UserSliceReader) -> Result {
        self.add_up(user.len().div_ceil(CHUNK), |bytes| {
            let length = CHUNK.min(user.len());
            user.read_slice(&mut bytes[..length])?;
            Ok(length)
        })?;
        Ok(())
    }
}

struct Handler(Arc<Queue>);

impl irq::ThreadedHandler for Handler {
    fn handle(&self) -> irq::ThreadedIrqReturn {
        let Some(bar) = self.0.bar.try_access() else {
            return irq::ThreadedIrqReturn::None;
        };
        if bar.read32(PENDING) == 0 {
            return irq::ThreadedIrqReturn::None;
        }
        // a line stays raised until the device is told, and this would be called for ever
        bar.write32(0, PENDING);
        irq::ThreadedIrqReturn::WakeThread
    }

    fn handle_threaded(&self) -> irq::IrqReturn {
        // whoever looked at the ring before it was done is waiting by now
        let _state = self.0.state.lock();
        self.0.done.notify_all();
        irq::IrqReturn::Handled
    }
}

// What comes first is dropped first: no file without interrupts, none of these without vectors.
#[pin_data]
struct EngineData<'bound> {
    #[pin]
    _file: debugfs::File<Arc<Queue>>,
    _directory: debugfs::Dir,
    #[pin]
    _registration: irq::ThreadedRegistration<'bound, Handler>,
    _vectors: KBox<pci::IrqVectorRegistration<'bound>>,
}

struct Engine;

kernel::pci_device_table!(
    PCI_TABLE,
    <Engine as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_id(pci::Vendor::REDHAT, 0xcafe), ())]
);

impl pci::Driver for Engine {
    type IdInfo = ();
    type Data<'bound> = EngineData<'bound>;
    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<EngineData<'bound>, Error> + 'bound {
        pin_init::pin_init_scope(move || {
            pdev.enable_device_mem()?;
            pdev.set_master();
            // SAFETY: There are no concurrent calls to DMA allocation and mapping primitives.
            unsafe { pdev.dma_set_mask_and_coherent(DmaMask::new::<64>())? };
            let queue = Queue::new(pdev)?;
            let vectors = KBox::new(
                pdev.alloc_irq_vectors(1, 1, pci::IrqTypes::all())?,
                GFP_KERNEL,
            )?;
            // SAFETY: The box does not move what it holds, and is dropped after the registration.
            let vector = unsafe { &*core::ptr::from_ref(&*vectors) }.index(0)?;
            let handler = Handler(queue.clone());
            let directory = debugfs::Dir::new(c"engine");
            Ok(try_pin_init!(EngineData {
                _vectors: vectors,
                // SAFETY: Nobody forgets a driver's data.
                _registration <- unsafe {
                    irq::ThreadedRegistration::new(
                        vector.into(),
                        irq::Flags::SHARED,
                        c"engine",
                        Ok::<_, Error>(handler),
                    )
                },
                _: {
                    let sum = queue.add_up(1, |bytes| {
                        bytes[..3].copy_from_slice(&[1, 2, 3]);
                        Ok(3)
                    })?;
                    dev_info!(pdev, "1, 2 and 3 are {} together\n", sum);
                    if sum != 6 {
                        return Err(EIO);
                    }
                },
                _file <- directory.read_write_callback_file(
                    c"sum",
                    Ok::<_, Error>(queue),
                    &|queue: &Arc<Queue>, out| writeln!(out, "{}", queue.state.lock().sum),
                    &|queue: &Arc<Queue>, user| queue.add_up_of_user(user),
                ),
                _directory: directory.clone(),
            }? Error))
        })
    }
}

kernel::module_pci_driver! {
    type: Engine,
    name: "engine",
    authors: ["rustbed"],
    description: "Has a device add up bytes by DMA",
    license: "GPL v2",
    params: {
        timeout_ms: u32 {
            default: 5000,
            description: "Milliseconds that the device has to answer",
        },
    },
}
