// SPDX-License-Identifier: GPL-2.0

//! A character device that returns what was last written to it.

use kernel::{
    fs::{
        File,
        Kiocb, //
    },
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    new_mutex,
    prelude::*,
    sync::Mutex, //
};

/// The longest text that is kept, in bytes.
const LIMIT: usize = 64;

module! {
    type: @Type@Module,
    name: "@name@",
    authors: ["@author@"],
    description: "@Type@ character device",
    license: "GPL",
}

#[pin_data]
struct @Type@Module {
    #[pin]
    _device: MiscDeviceRegistration<@Type@>,
}

impl kernel::InPlaceModule for @Type@Module {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = MiscDeviceOptions { name: c"@device@" };

        try_pin_init!(Self {
            _device <- MiscDeviceRegistration::register(options),
        })
    }
}

/// What belongs to one opening of the device.
#[pin_data]
struct @Type@ {
    #[pin]
    text: Mutex<KVec<u8>>,
}

#[vtable]
impl MiscDevice for @Type@ {
    type Ptr = Pin<KBox<Self>>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Pin<KBox<Self>>> {
        KBox::try_pin_init(
            try_pin_init!(Self {
                text <- new_mutex!(KVec::new()),
            }),
            GFP_KERNEL,
        )
    }

    fn read_iter(mut kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let me = kiocb.file();
        let text = me.text.lock();

        iov.simple_read_from_buffer(kiocb.ki_pos_mut(), &text)
    }

    fn write_iter(mut kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterSource<'_>) -> Result<usize> {
        if iov.len() > LIMIT {
            return Err(EMSGSIZE);
        }
        let mut new = KVec::new();
        let written = iov.copy_from_iter_vec(&mut new, GFP_KERNEL)?;
        *kiocb.file().text.lock() = new;
        // The next read begins at the start of the new text.
        *kiocb.ki_pos_mut() = 0;

        Ok(written)
    }
}
