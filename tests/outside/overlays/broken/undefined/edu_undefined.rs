// SPDX-License-Identifier: GPL-2.0

use kernel::prelude::*;

module! {
    type: Driver,
    name: "edu_undefined",
    authors: ["Somebody else"],
    description: "Does not build",
    license: "GPL",
}

extern "C" {
    fn ida_nosuch() -> i32;
}

struct Driver;

impl kernel::Module for Driver {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // SAFETY: It is nowhere.
        pr_info!("{}\n", unsafe { ida_nosuch() });
        Ok(Self)
    }
}
