// SPDX-License-Identifier: GPL-2.0

//! What drivers say.

pub(crate) const NOTHING: &str = "nothing";
