// SPDX-License-Identifier: GPL-2.0

//! A driver for a chip with two registers at an address of an I2C bus.

use kernel::{
    bindings,
    device::Core,
    error::to_result,
    i2c,
    prelude::*, //
};

/// Reads as what was last written to it.
const SCRATCH: u8 = 0x0;
/// Turns the chip on.
const CONTROL: u8 = 0x1;
const ON: u8 = 0x1;
const OFF: u8 = 0x0;

struct @Type@;

kernel::i2c_device_table!(
    I2C_TABLE,
    <@Type@ as i2c::Driver>::IdInfo,
    [(i2c::DeviceId::new(c"@device@"), ())]
);

// The abstractions of Linux 7.3 have no transfers yet: these call the kernel's C functions. By its documentation an
// `I2cClient` is a transparent wrapper of a `struct i2c_client`.
fn client_of(client: &i2c::I2cClient<Core<'_>>) -> *mut bindings::i2c_client {
    core::ptr::from_ref(client).cast_mut().cast()
}

fn read(client: &i2c::I2cClient<Core<'_>>, register: u8) -> Result<u8> {
    // SAFETY: The pointer is valid as long as the reference that it was made of.
    let value = unsafe { bindings::i2c_smbus_read_byte_data(client_of(client), register) };
    to_result(value)?;

    u8::try_from(value).map_err(|_| EIO)
}

fn write(client: &i2c::I2cClient<Core<'_>>, register: u8, value: u8) -> Result {
    // SAFETY: As above.
    to_result(unsafe { bindings::i2c_smbus_write_byte_data(client_of(client), register, value) })
}

impl @Type@ {
    fn is_alive(client: &i2c::I2cClient<Core<'_>>) -> Result<bool> {
        for pattern in [0x55, 0xaa] {
            write(client, SCRATCH, pattern)?;
            if read(client, SCRATCH)? != pattern {
                return Ok(false);
            }
        }

        Ok(true)
    }
}

impl i2c::Driver for @Type@ {
    type IdInfo = ();
    type Data<'bound> = Self;

    const I2C_ID_TABLE: Option<i2c::IdTable<Self::IdInfo>> = Some(&I2C_TABLE);

    fn probe<'bound>(
        client: &'bound i2c::I2cClient<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self, Error> + 'bound {
        if !Self::is_alive(client)? {
            return Err(EIO);
        }
        write(client, CONTROL, ON)?;
        dev_info!(client.as_ref(), "the chip is on\n");

        Ok(Self)
    }

    fn unbind<'bound>(client: &'bound i2c::I2cClient<Core<'_>>, _this: Pin<&Self>) {
        match write(client, CONTROL, OFF) {
            Ok(()) => dev_info!(client.as_ref(), "the chip is off\n"),
            Err(error) => dev_err!(client.as_ref(), "the chip stays on: {error:?}\n"),
        }
    }
}

kernel::module_i2c_driver! {
    type: @Type@,
    name: "@name@",
    authors: ["@author@"],
    description: "@Type@ I2C driver",
    license: "GPL",
}
