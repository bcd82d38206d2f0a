// SPDX-License-Identifier: GPL-2.0

//! Reads from the counter.

#[path = "../common/words.rs"]
mod words;

use kernel::prelude::*;

module! {
    type: Reader,
    name: "reader",
    authors: ["Somebody else"],
    description: "Reads from the counter",
    license: "GPL",
    params: {
        times: i64 {
            default: 1,
            description: "How often to read",
        },
        fault: i64 {
            default: 0,
            description: "1: warn, 2: panic",
        },
    },
}

extern "C" {
    fn counter_next() -> u32;
}

fn next() -> Option<u32> {
    // SAFETY: It has no requirements.
    let number = unsafe { counter_next() };
    (number > 0).then_some(number)
}

struct Reader;

impl kernel::Module for Reader {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let mut last = None;
        for _ in 0..module_parameters::times.value() {
            last = next();
        }
        kernel::warn_on!(module_parameters::fault.value() == 1);
        if module_parameters::fault.value() == 2 {
            panic!("no number is left");
        }
        match last {
            Some(number) => pr_info!("read {number}\n"),
            None => pr_info!("read {}\n", words::NOTHING),
        }
        Ok(Self)
    }
}
