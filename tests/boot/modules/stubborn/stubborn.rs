// SPDX-License-Identifier: GPL-2.0-only

//! A module whose loading never ends, in the way its parameter says.

use core::hint::{black_box, spin_loop};
use kernel::interrupt::local_interrupt_disable;
use kernel::prelude::*;
use kernel::sync::{new_spinlock, Arc, Completion, SpinLock};

module! {
    type: Stubborn,
    name: "stubborn",
    authors: ["The rustbed authors"],
    description: "A module whose loading never ends",
    license: "GPL",
    params: {
        how: i64 {
            default: 0,
            description: "0 sleeps, 1 spins, 2 spins with a lock held, 3 spins with interrupts off",
        },
    },
}

#[pin_data]
struct Counter {
    #[pin]
    value: SpinLock<u64>,
}

struct Stubborn;

#[inline(never)]
fn sleeps_for_ever() -> Result {
    Arc::pin_init(Completion::new(), GFP_KERNEL)?.wait_for_completion();
    Ok(())
}

#[inline(never)]
fn spins_for_ever() {
    let mut turns = 0u64;
    // never true, which the compiler cannot know
    while black_box(turns) != u64::MAX {
        turns += 1;
        spin_loop();
    }
}

#[inline(never)]
fn spins_with_a_lock() -> Result {
    let counter = Arc::pin_init(
        pin_init!(Counter { value <- new_spinlock!(0) }),
        GFP_KERNEL,
    )?;
    let _held = counter.value.lock();
    spins_for_ever();
    Ok(())
}

#[inline(never)]
fn spins_with_interrupts_off() {
    let _off = local_interrupt_disable();
    spins_for_ever();
}

impl kernel::Module for Stubborn {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        match module_parameters::how.value() {
            0 => sleeps_for_ever()?,
            1 => spins_for_ever(),
            2 => spins_with_a_lock()?,
            _ => spins_with_interrupts_off(),
        }
        Ok(Self)
    }
}
