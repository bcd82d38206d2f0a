#include <drivers/misc/isl29003.c>
