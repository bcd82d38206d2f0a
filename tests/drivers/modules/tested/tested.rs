// SPDX-License-Identifier: GPL-2.0-only

//! A module with unit tests of its own.

use kernel::prelude::*;

module! {
    type: Tested,
    name: "tested",
    authors: ["The rustbed authors"],
    description: "Has unit tests of its own",
    license: "GPL",
}

struct Tested;

impl kernel::Module for Tested {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("one half of 84 is {}\n", half(84)?);
        Ok(Self)
    }
}

fn half(number: u32) -> Result<u32> {
    if number % 2 == 1 {
        return Err(EINVAL);
    }
    Ok(number / 2)
}

#[kunit_tests(rustbed_tested)]
mod tests {
    use super::*;

    #[test]
    fn even_numbers_have_halves() {
        assert_eq!(half(0), Ok(0));
        assert_eq!(half(84), Ok(42));
    }

    #[test]
    fn odd_numbers_are_refused() {
        assert_eq!(half(7), Err(EINVAL));
    }
}
