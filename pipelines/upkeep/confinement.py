"""Have the kernel keep this process from reading anything but what it was given (Landlock, where Linux has it).

Source:
    Linux kernel, Documentation/userspace-api/landlock.rst: three system calls, of one number on every machine.
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_RULE_PATH_BENEATH: Final = 1
_VERSION: Final = 1
_READ_FILE: Final = 1 << 2
_READ_FOLDER: Final = 1 << 3
_NO_NEW_PRIVILEGES: Final = 38


class _Ruleset(ctypes.Structure):
    _fields_ = (("handled_access", ctypes.c_uint64),)


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("folder", ctypes.c_int32))


def confine_reading(places: Iterable[Path]) -> bool:
    """Let this process, and all it starts, open only files and folders below some places to read, for good.

    Threads that run already are not kept from it: call this first.

    Args:
        places: files and folders; those that do not exist are left out.

    Returns:
        Whether the kernel does so; False where it has no such rule, and then nothing is changed.

    Raises:
        OSError: the kernel has the rule and refused it.
    """
    if not sys.platform.startswith("linux"):
        return False
    kernel = ctypes.CDLL(None, use_errno=True)
    if kernel.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION) < 1:
        return False
    asked = _Ruleset(_READ_FILE | _READ_FOLDER)
    ruleset = _done(kernel.syscall(_CREATE_RULESET, ctypes.byref(asked), ctypes.c_size_t(ctypes.sizeof(asked)), 0))
    try:
        for place in places:
            _allow(kernel, ruleset, place)
        _done(kernel.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
        _done(kernel.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return True


def _allow(kernel: ctypes.CDLL, ruleset: int, place: Path) -> None:
    try:
        opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        access = _READ_FILE | _READ_FOLDER if place.is_dir() else _READ_FILE
        rule = _PathBeneath(access, opened)
        _done(kernel.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(opened)


def _done(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return answer
