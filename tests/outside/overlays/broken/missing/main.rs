// SPDX-License-Identifier: GPL-2.0

use kernel::prelude::*;

module! {
    type: Driver,
    name: "edu_missing",
    authors: ["Somebody else"],
    description: "Does not build",
    license: "GPL",
}

struct Driver;

impl kernel::Module for Driver {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let unused_number = 7;
        Ok(Self)
    }
}
