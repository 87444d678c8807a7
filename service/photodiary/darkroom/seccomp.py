"""What a worker may still ask of the kernel once it has begun to read photos: memory, time, threads, and its one line to the daemon.

A list of what is allowed, not of what is not: no files (not even for reading), no sockets, no programs, no other processes, no new executable memory.
Everything else is answered with EPERM, calls of kernels since 5.0 with ENOSYS, on which libraries try the older call that they know.
Refused rather than killed: a library that asks for what it can do without (how many cores, a thread's name) reads on, and code that took a worker
over gains nothing by living.  A call through another processor's table (32-bit on x86-64) is made by no library of ours: it kills.

Written here instead of by libseccomp, whose Python bindings are hardly kept and need a C library that our users would have to install:
the program is one comparison a call, and the numbers below never change.

Sources: seccomp(2), linux/seccomp.h, linux/filter.h, linux/audit.h; numbers from asm/unistd_64.h and asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from dataclasses import dataclass

X86_64 = {
    "read": 0, "write": 1, "close": 3, "poll": 7, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "readv": 19, "writev": 20,
    "munmap": 11, "brk": 12, "mremap": 25, "madvise": 28, "sched_yield": 24, "nanosleep": 35, "getpid": 39, "exit": 60, "gettimeofday": 96,
    "getrusage": 98, "sigaltstack": 131, "gettid": 186, "time": 201, "futex": 202, "sched_getaffinity": 204, "restart_syscall": 219,
    "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "ppoll": 271, "set_robust_list": 273,
    "getrandom": 318, "rseq": 334,
}  # fmt: skip
AARCH64 = {
    "read": 63, "write": 64, "close": 57, "ppoll": 73, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "readv": 65, "writev": 66,
    "munmap": 215, "brk": 214, "mremap": 216, "madvise": 233, "sched_yield": 124, "nanosleep": 101, "getpid": 172, "exit": 93, "gettimeofday": 169,
    "getrusage": 165, "sigaltstack": 132, "gettid": 178, "futex": 98, "sched_getaffinity": 123, "restart_syscall": 128,
    "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115, "exit_group": 94, "set_robust_list": 99,
    "getrandom": 278, "rseq": 293,
}  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """A processor's name in the kernel's audit words, its harmless calls, and the numbers of those that are looked at closer."""

    audit: int
    harmless: dict[str, int]
    mmap: int
    mprotect: int
    clone: int
    tgkill: int
    seccomp: int


MACHINES = {
    "x86_64": Machine(0xC000003E, X86_64, mmap=9, mprotect=10, clone=56, tgkill=234, seccomp=317),
    "aarch64": Machine(0xC00000B7, AARCH64, mmap=222, mprotect=226, clone=220, tgkill=131, seccomp=277),
}

SINCE_5_0 = 424  # all processors count alike from here on
X32 = 0x40000000  # x86-64 with 32-bit pointers has its own numbers from here on
PROT_EXEC = 4
CLONE_THREAD, CLONE_NEW = 0x00010000, 0x7E020080  # all the namespaces
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
ALLOW, KILL, REFUSE, UNKNOWN = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
NUMBER, ARCHITECTURE = 0, 4  # where they lie in struct seccomp_data

Instruction = tuple[int, int, int, int]  # code, how many to skip when true, when false, operand


def _argument(number: int) -> int:
    """Where the low half of an argument lies."""
    return 16 + 8 * number


def program(machine: Machine, pid: int) -> list[Instruction]:
    """The filter for the process `pid`."""

    def looked_at(call: int, argument: int, *test: Instruction) -> list[Instruction]:
        """`test` ends the program, so that the call's number need not be loaded again."""
        body = [(LOAD, 0, 0, _argument(argument)), *test]
        return [(JUMP_EQUAL, 0, len(body), call), *body]

    not_executable = (JUMP_ANY_BIT, 0, 1, PROT_EXEC), (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)
    thread = (AND, 0, 0, CLONE_THREAD | CLONE_NEW), (JUMP_EQUAL, 0, 1, CLONE_THREAD), (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)
    myself = (JUMP_EQUAL, 0, 1, pid), (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)  # abort() of a decoder
    steps: list[Instruction] = [
        (LOAD, 0, 0, ARCHITECTURE), (JUMP_EQUAL, 1, 0, machine.audit), (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER), (JUMP_AT_LEAST, 0, 1, X32), (RETURN, 0, 0, REFUSE),
    ]  # fmt: skip
    for call in machine.harmless.values():
        steps += [(JUMP_EQUAL, 0, 1, call), (RETURN, 0, 0, ALLOW)]
    steps += looked_at(machine.mmap, 2, *not_executable) + looked_at(machine.mprotect, 2, *not_executable)
    steps += looked_at(machine.clone, 0, *thread) + looked_at(machine.tgkill, 0, *myself)
    return [*steps, (JUMP_AT_LEAST, 0, 1, SINCE_5_0), (RETURN, 0, 0, UNKNOWN), (RETURN, 0, 0, REFUSE)]


class _Filter(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("true", ctypes.c_uint8), ("false", ctypes.c_uint8), ("operand", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filters", ctypes.POINTER(_Filter)))


def install() -> bool:
    """Filter every thread of this process from now on; it must have given up gaining rights (no_new_privs).  False where that cannot be done."""
    machine = MACHINES.get(platform.machine())
    if machine is None or sys.byteorder != "little" or sys.maxsize < 1 << 32:
        return False
    steps = program(machine, os.getpid())
    filters = (_Filter * len(steps))(*(_Filter(*step) for step in steps))
    libc = ctypes.CDLL(None, use_errno=True)
    every_thread, set_filter = 1, 1
    return bool(libc.syscall(ctypes.c_long(machine.seccomp), set_filter, every_thread, ctypes.byref(_Program(len(steps), filters))) == 0)
