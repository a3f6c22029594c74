"""Takes the disk from this process for good, but for a few folders: it reads, and writes below those alone (Landlock).

Weights lie on a disk that the worker, which brings them, writes as the same user. No library in a runner, and nothing
in weights, changes them for the tenants that come after. By the same rule of the kernel such a process, without
capabilities, cannot look into one that is not held so: not into the worker's environment, which says where its
credentials are, nor its memory.

It needs no privilege, holds for every thread and process that comes after, and cannot be taken back. Two things it
leaves: the mode of a file that the user owns, and, before Linux 6.2, cutting a file by its name (`truncate`), which the
mode of the files of weights forbids.

https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""The same numbers on every processor."""
_ASK_VERSION, _PATH_BENEATH, _SET_NO_NEW_PRIVILEGES = 1, 1, 38

_WRITE_FILE = 1 << 1
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE = 1 << 13, 1 << 14
"""Of the second and third version: to rename between folders, and to cut a file."""

_DEVICES = ("/dev", "/dev/shm", "/proc/self")
"""What the driver of a card writes to: its devices, memory that processes share, names of threads."""

_MPS_PIPES, _MPS_PIPES_DEFAULT = "CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps"
"""The variable that says where the pipes to the server of a shared card are, and where they are without it."""

_CACHES = (".cache", ".nv", ".triton")
"""Below the home folder, where torch and CUDA keep what they compiled. The image has its own home."""


def folders_of(socket: str, device: str) -> list[Path]:
    """What a runner may write to: its scratch folder, devices, and on a card the caches of what is compiled for it."""
    pipes = os.environ.get(_MPS_PIPES) or _MPS_PIPES_DEFAULT
    folders = [Path(socket).parent, *map(Path, _DEVICES), Path(pipes)]
    if device.startswith("cuda"):
        for cache in (Path.home() / name for name in _CACHES):
            # A home that cannot be written has no caches, with or without the rule.
            with contextlib.suppress(OSError):
                cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            folders.append(cache)
    return folders


def close_disk(folders: Iterable[Path]) -> bool:
    """To be called before there are threads; those that are there already keep the disk. Folders may be missing.

    Returns:
        False where the system has no such rule: not Linux, one before 5.13, or one that was started without it.

    Raises:
        OSError: the kernel refused. What was to be closed must not run then.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    if version < 1:
        return False
    refused = _WRITE_FILE | _REMOVE_AND_MAKE | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    rules = _kept(libc.syscall(_CREATE_RULESET, struct.pack("Q", refused), 8, 0))
    try:
        for folder in folders:
            _allow(libc, rules, folder, refused)
        _kept(libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
        _kept(libc.syscall(_RESTRICT_SELF, rules, 0))
    finally:
        os.close(rules)
    return True


def _allow(libc: ctypes.CDLL, rules: int, path: Path, allowed: int) -> None:
    try:
        found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(found).st_mode):
            raise NotADirectoryError(path)
        _kept(libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", allowed, found), 0))
    finally:
        os.close(found)


def _kept(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "the disk could not be closed")
    return result
