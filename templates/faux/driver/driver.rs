// SPDX-License-Identifier: GPL-2.0

//! A driver of a device that exists in software only.

use kernel::{
    faux,
    prelude::*, //
};

module! {
    type: @Type@,
    name: "@name@",
    authors: ["@author@"],
    description: "@Type@ on the faux bus",
    license: "GPL",
    params: {
        level: u32 {
            default: 1,
            description: "From 1 to 10",
        },
    },
}

struct @Type@ {
    device: faux::Registration,
}

impl kernel::Module for @Type@ {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let level = module_parameters::level.value();
        if !(1..=10).contains(&level) {
            pr_err!("level {level} is out of range\n");
            return Err(EINVAL);
        }

        let device = faux::Registration::new(c"@device@", None)?;
        dev_info!(device.as_ref(), "level {level}\n");

        Ok(Self { device })
    }
}

impl Drop for @Type@ {
    fn drop(&mut self) {
        dev_info!(self.device.as_ref(), "gone\n");
    }
}
