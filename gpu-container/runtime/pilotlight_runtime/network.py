"""Takes the network from this process for good: a filter of system calls (seccomp) lets it open unix sockets alone.

A runner holds models and inputs of tenants and talks to one worker over a unix socket. Whatever a library does in it,
or weights that are more than numbers, reaches no address: neither one outside nor the credentials of the machine. It
needs no privilege, holds in containers and for every thread and process that comes after, and cannot be taken back.

https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys
from dataclasses import dataclass

_SET_NO_NEW_PRIVILEGES, _SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # The latter: `errno` is EPERM.
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
# Where `struct seccomp_data` holds them; of the first argument the lower half, which is all of an int.
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_UNIX, _NETLINK = 1, 16
_IO_URING_SETUP = 425
"""Rings of it open sockets without the call that is looked at."""


@dataclass(frozen=True)
class _Machine:
    architecture: int
    socket: int
    foreign: int
    """Numbers from here on are of another calling convention (x32), which has a `socket` of its own."""


_MACHINES = {
    "x86_64": _Machine(architecture=0xC000003E, socket=41, foreign=0x40000000),
    "aarch64": _Machine(architecture=0xC00000B7, socket=198, foreign=0xFFFFFFFF),
}


def close_network() -> bool:
    """To be called before there are threads; those that are there already keep the network.

    Netlink stays: libraries ask it for interfaces, and it sends nothing.

    Returns:
        False where there is no such filter for the system: not Linux, or another processor.

    Raises:
        OSError: the kernel refused. What was to be closed must not run then.
    """
    machine = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        return False
    program = _program(machine)
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    for ask in ((_SET_NO_NEW_PRIVILEGES, 1, 0), (_SET_SECCOMP, _MODE_FILTER, ctypes.c_char_p(header))):
        if libc.prctl(*ask, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "the network could not be closed")
    return True


def _program(machine: _Machine) -> bytes:
    """For the kernel's filter machine: jumps count the instructions that they leave out."""
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 0, 8, machine.architecture),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 6, 0, machine.foreign),
        (_EQUAL, 5, 0, _IO_URING_SETUP),
        (_EQUAL, 0, 3, machine.socket),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 1, 0, _UNIX),
        (_EQUAL, 0, 1, _NETLINK),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("<HBBI", *step) for step in steps)
