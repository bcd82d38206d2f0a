#include <drivers/i2c/busses/i2c-virtio.c>
