// SPDX-License-Identifier: GPL-2.0-only

//! A driver of which it is known which lines run.

use kernel::prelude::*;

module! {
    type: Counted,
    name: "counted",
    authors: ["The rustbed authors"],
    description: "A driver of which it is known which lines run",
    license: "GPL",
    params: {
        level: i64 {
            default: 1,
            description: "What decides",
        },
    },
}

struct Counted {
    level: i64,
}

#[inline(always)]
fn twice(level: i64) -> i64 {
    level.wrapping_mul(2) // ran
}

#[inline(never)]
fn judge(level: i64) -> Result { // ran
    if level > 100 { // ran
        pr_info!("too high\n"); // missed
        return Err(EINVAL);
    }
    if level > 3 { // ran
        pr_info!("high\n"); // ran
    } else {
        pr_info!("low\n"); // ran
    }
    Ok(())
} // ran

#[inline(never)]
fn never() { // perhaps: not every compiler's table has it
    pr_info!("nobody calls me\n"); // missed
}

impl kernel::Module for Counted {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let level = twice(module_parameters::level.value()); // ran
        judge(level)?; // ran
        Ok(Self { level })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.level == 5 { // ran
            never(); // perhaps: on arm, a call with a condition is one instruction, which runs
        }
        pr_info!("goodbye\n"); // ran
    }
}
