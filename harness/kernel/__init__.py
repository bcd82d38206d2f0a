"""From source and fragments to a kernel: image, modules, symbols."""
