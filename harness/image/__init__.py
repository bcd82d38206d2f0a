"""From images/*.yaml and a kernel to an initramfs."""
