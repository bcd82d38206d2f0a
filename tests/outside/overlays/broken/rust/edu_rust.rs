// SPDX-License-Identifier: GPL-2.0

use kernel::prelude::*;

module! {
    type: Driver,
    name: "edu_rust",
    authors: ["Somebody else"],
    description: "Does not build",
    license: "GPL",
}

struct Driver;

impl kernel::Module for Driver {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let numer = 7;
        pr_info!("{}\n", number);
        Ok(Self)
    }
}
