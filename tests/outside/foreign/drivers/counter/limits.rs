// SPDX-License-Identifier: GPL-2.0

//! How far the counter goes.

const LIMIT: u32 = 7;

pub(crate) fn is_last(count: u32) -> bool {
    count == LIMIT
}
