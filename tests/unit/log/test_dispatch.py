"""Who hands control to others: what loops below is named by the function that was entered there."""

from __future__ import annotations

import pytest

from rustbed.log.families.dispatch import DISPATCHES, DISPATCHES_IN_INTERRUPTS
from rustbed.log.record import parse_console
from rustbed.log.splat import find_splats

_LOOP = """\
watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [toy:62]
RIP: 0010:toy_spin+0x15/0x20
Call Trace:
 <TASK>
 toy_inner+0x14/0x20
 {entered}+0x14/0x20
 {dispatcher}+0x87/0x120
 toy_outer+0xf6/0x350
 do_syscall_64+0x72/0x1e0
"""


@pytest.mark.parametrize(
    "dispatcher",
    [
        # a bus's own function is on the way to the driver's
        *("platform_probe", "pci_device_probe", "usb_unbind_interface", "virtio_dev_remove", "device_remove"),
        # files, sockets, packets
        *("vfs_llseek", "filp_flush", "mmap_file", "__sys_shutdown", "__sys_connect_file", "kernel_sendmsg"),
        "net_rx_action",
    ],
)
def test_loop_is_named_by_what_a_dispatcher_entered(dispatcher: str) -> None:
    (found,) = find_splats(parse_console(_LOOP.format(entered="toy_entered", dispatcher=dispatcher)))
    assert found.title == "BUG: soft lockup in toy_entered"


@pytest.mark.parametrize("dispatcher", ["tasklet_hi_action_common", "irq_work_single"])
def test_loop_in_an_interrupt_is_named_by_what_it_interrupted_if_that_entered_anything(
    dispatcher: str,
) -> None:
    log = _LOOP.format(entered="toy_entered", dispatcher=dispatcher)
    logs = (log, log.replace("do_syscall_64", "secondary_startup_64"))
    titles = [found.title for log in logs for found in find_splats(parse_console(log))]
    assert titles == ["BUG: soft lockup in toy_outer", "BUG: soft lockup in toy_entered"]


def test_dispatcher_that_another_one_entered_is_not_what_loops() -> None:
    (found,) = find_splats(parse_console(_LOOP.format(entered="platform_probe", dispatcher="really_probe")))
    assert found.title == "BUG: soft lockup in toy_inner"


@pytest.mark.parametrize(
    "name",
    # they look things up on the way, or are what protocols and file systems register themselves
    [
        "path_openat",
        "netlink_rcv_skb",
        "genl_rcv_msg",
        "ipv6_rcv",
        "kernfs_fop_write_iter",
        "sys_sync_file_range",
    ],
)
def test_function_that_does_its_own_work_is_no_dispatcher(name: str) -> None:
    assert name not in DISPATCHES
    assert name not in DISPATCHES_IN_INTERRUPTS


@pytest.mark.parametrize(
    ("name", "dispatches"),
    [
        ("<kernel::miscdevice::MiscdeviceVTable<toy::Toy>>::ioctl", True),
        ("<kernel::pci::Adapter<toy::Toy>>::probe_callback", True),
        ("kernel::irq::request::handle_irq_callback::<toy::Toy>", True),
        ("<toy::Toy as kernel::miscdevice::MiscDevice>::ioctl", False),
        ("<kernel::sync::lock::Lock<toy::Toy, kernel::sync::lock::mutex::MutexBackend>>::lock", False),
    ],
)
def test_kernel_crate_of_rust_hands_on_what_c_calls(name: str, dispatches: bool) -> None:
    assert (name in DISPATCHES) == dispatches
