"""What a worker may still do once it reads photos: a real process confines itself as a worker does, then tries to get out."""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from photodiary.darkroom import seccomp

ROOT = Path(__file__).parents[2]

# Every way out that hostile code might try; what came of each is printed as JSON: "did it", or the error's name.
HOSTILE = """
    import ctypes, errno, json, os, signal, socket, subprocess, sys, threading
    from pathlib import Path
    from photodiary.darkroom import worker
    secret, own, pid = sys.argv[1], sys.argv[2], os.getpid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    writable = os.open(own, os.O_WRONLY)
    pair = socket.socketpair()
    told = {"filtered": worker.confine(2048)}

    def attempt(name, work):
        try:
            result = work()
        except OSError as error:
            told[name] = errno.errorcode[error.errno]
        else:
            told[name] = errno.errorcode[ctypes.get_errno()] if result == -1 else "did it"
        ctypes.set_errno(0)

    def call(number, *arguments):
        return lambda: libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))

    attempt("socket", lambda: socket.socket(socket.AF_INET))
    attempt("unix socket", lambda: socket.socket(socket.AF_UNIX))
    attempt("socketpair", socket.socketpair)
    attempt("connect", lambda: pair[0].connect("/run/anything"))
    attempt("send", lambda: pair[0].send(b"x"))
    attempt("read a photo", lambda: open(secret, "rb"))
    attempt("list a folder", lambda: os.listdir(os.path.dirname(secret)))
    attempt("look for a file", lambda: os.stat(secret))
    attempt("write a file", lambda: open(secret, "ab"))
    attempt("make a file", lambda: open(secret + ".new", "wb"))
    attempt("write into an open file", lambda: os.write(writable, b"x"))
    attempt("remove a file", lambda: os.unlink(secret))
    attempt("rename a file", lambda: os.rename(secret, secret + ".old"))
    attempt("link a file", lambda: os.link(secret, secret + ".link"))
    attempt("make a folder", lambda: os.mkdir(secret + ".dir"))
    attempt("change a mode", lambda: os.chmod(secret, 0o777))
    attempt("truncate a file", lambda: os.truncate(secret, 0))
    attempt("start a program", lambda: os.execv("/bin/true", ["true"]))
    attempt("fork", os.fork)
    attempt("start a program in a child", lambda: subprocess.Popen(["/bin/true"]))
    attempt("kill another", lambda: os.kill(os.getppid() if os.getppid() > 0 else 1, 0))
    attempt("trace", lambda: libc.ptrace(0, 0, 0, 0))
    attempt("executable memory", lambda: -1 if libc.mmap(None, 4096, 7, 0x22, -1, 0) == ctypes.c_void_p(-1).value else 0)
    attempt("memory made executable", lambda: libc.mprotect(ctypes.c_void_p(libc.mmap(None, 4096, 3, 0x22, -1, 0)), ctypes.c_size_t(4096), 5))
    attempt("mount", lambda: libc.mount(b"none", b"/mnt", b"tmpfs", 0, None))
    attempt("new namespace", lambda: libc.unshare(0x10000000))
    attempt("change folder", lambda: os.chdir("/"))
    attempt("become somebody", lambda: os.setuid(0))
    for name, number in json.loads(sys.argv[3]).items():
        attempt(name, call(number, 0, 0, 0, 0, 0))
    thread = threading.Thread(target=told.setdefault, args=("thread", "did it"))
    thread.start()
    thread.join()
    told["still reads"] = json.dumps(worker.Darkbox(1.0).max_megapixels)
    print(json.dumps(told), flush=True)
    """
# By number, as hostile code would call them: those that Python has no words for.
NUMBERS = {
    "x86_64": {
        "process_vm_readv": 310, "process_vm_writev": 311, "bpf": 321, "perf_event_open": 298, "keyctl": 250, "add_key": 248, "io_uring_setup": 425,
        "userfaultfd": 323, "kexec_load": 246, "init_module": 175, "finit_module": 313, "memfd_create": 319, "openat2": 437, "clone3": 435, "vfork": 58,
        "setns": 308, "pivot_root": 155, "chroot": 161, "shmget": 29, "personality": 135, "prctl": 157, "seccomp": 317, "sendmsg": 46, "sendto": 44,
        "recvmsg": 47, "accept4": 288, "pidfd_open": 434, "open_by_handle_at": 304, "mq_open": 240, "ioctl": 16, "dup": 32, "execveat": 322, "prlimit64": 302,
    },
    "aarch64": {
        "process_vm_readv": 270, "process_vm_writev": 271, "bpf": 280, "perf_event_open": 241, "keyctl": 219, "add_key": 217, "io_uring_setup": 425,
        "userfaultfd": 282, "kexec_load": 104, "init_module": 105, "finit_module": 273, "memfd_create": 279, "openat2": 437, "clone3": 435,
        "setns": 268, "pivot_root": 41, "chroot": 51, "shmget": 194, "personality": 92, "prctl": 167, "seccomp": 277, "sendmsg": 211, "sendto": 206,
        "recvmsg": 212, "accept4": 242, "pidfd_open": 434, "open_by_handle_at": 265, "mq_open": 180, "ioctl": 29, "dup": 23, "execveat": 281, "prlimit64": 261,
    },
}  # fmt: skip


def confined(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "service")}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout


needs_filter = pytest.mark.skipif(platform.machine() not in NUMBERS, reason="no list of calls for this processor: workers say so and work unfiltered")


@needs_filter
def test_hostile_code_in_a_worker_gets_nowhere(tmp_path: Path) -> None:
    """It opens no socket and no file, not even for reading, starts and touches no process, makes no executable memory, and gets no rights back."""
    secret, own = tmp_path / "photo.jpg", tmp_path / "own"
    secret.write_bytes(b"a photo")
    own.write_bytes(b"")
    told = json.loads(confined(HOSTILE, str(secret), str(own), json.dumps(NUMBERS[platform.machine()])))
    assert told.pop("filtered") is True
    assert told.pop("thread") == "did it", "decoders need threads"
    assert told.pop("still reads") == "1.0"
    assert told.pop("write into an open file") == "EFBIG"
    assert told.pop("connect") == told.pop("send") == "EPERM"
    new = {name: told.pop(name) for name in ("io_uring_setup", "openat2", "clone3", "pidfd_open")}
    assert set(new.values()) == {"ENOSYS"}
    assert set(told.values()) == {"EPERM"}, {name: result for name, result in told.items() if result != "EPERM"}
    assert len(told) > 45
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own", "photo.jpg"]
    assert secret.read_bytes() == b"a photo" and own.read_bytes() == b""


@needs_filter
@pytest.mark.skipif(platform.machine() != "x86_64", reason="there is one table of calls")
def test_another_table_of_calls_is_no_way_round() -> None:
    """A 64-bit process can ask in the kernel's 32-bit words, whose numbers mean something else: that kills it; x32 numbers are refused."""
    x32 = """
        import ctypes
        from photodiary.darkroom import worker
        worker.confine(2048)
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.syscall(ctypes.c_long(0x40000000 + 39)) == -1 and ctypes.get_errno() == 1
        print("refused", flush=True)
        """
    assert confined(x32) == "refused\n"
    machine = seccomp.MACHINES["x86_64"]
    for architecture, number, verdict in ((machine.audit, 39, seccomp.ALLOW), (0x40000003, 39, seccomp.KILL), (machine.audit, 0x40000027, seccomp.REFUSE)):
        assert judged(machine, architecture, number) == verdict


def judged(machine: seccomp.Machine, architecture: int, number: int, *arguments: int) -> int:
    """The filter carried out by hand on one call."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    steps, at, value = seccomp.program(machine, 77), 0, 0
    while True:
        code, true, false, operand = steps[at]
        at += 1
        if code == seccomp.RETURN:
            return operand
        if code == seccomp.LOAD:
            value = struct.unpack_from("<I", data, operand)[0]
        elif code == seccomp.AND:
            value &= operand
        else:
            holds = {seccomp.JUMP_EQUAL: value == operand, seccomp.JUMP_AT_LEAST: value >= operand, seccomp.JUMP_ANY_BIT: bool(value & operand)}[code]
            at += true if holds else false


@pytest.mark.parametrize("name", ["x86_64", "aarch64"])
def test_the_filter_says_the_same_on_both_processors(name: str) -> None:
    """Carried out by hand: threads but no processes and namespaces, memory but none to execute, signals to itself only, and nothing that is not listed."""
    machine = seccomp.MACHINES[name]

    def asked(number: int, *arguments: int) -> int:
        return judged(machine, machine.audit, number, *arguments)

    assert {asked(number) for number in machine.harmless.values()} == {seccomp.ALLOW}
    listed = {*machine.harmless.values(), machine.mmap, machine.mprotect, machine.clone, machine.tgkill}
    assert {asked(number) for number in range(424) if number not in listed} == {seccomp.REFUSE}
    assert {asked(number) for number in range(424, 600)} == {seccomp.UNKNOWN}
    thread, process = 0x3D0F00, 0x1200011
    assert [asked(machine.clone, flags) for flags in (thread, process, thread | 0x10000000, 0)] == [seccomp.ALLOW] + [seccomp.REFUSE] * 3
    for call in (machine.mmap, machine.mprotect):
        assert [asked(call, 0, 4096, protection) for protection in (0, 3, 5, 7)] == [seccomp.ALLOW] * 2 + [seccomp.REFUSE] * 2
    assert [asked(machine.tgkill, whom) for whom in (77, 78, 1)] == [seccomp.ALLOW, seccomp.REFUSE, seccomp.REFUSE]


@pytest.mark.parametrize(("name", "header"), [("x86_64", "x86_64-linux-gnu/asm/unistd_64.h"), ("aarch64", "asm-generic/unistd.h")])
def test_the_numbers_are_the_kernels(name: str, header: str) -> None:
    """Where the kernel's headers are installed, every number is the one that stands there."""
    source = Path("/usr/include") / header
    if not source.is_file():
        pytest.skip("the kernel's headers are not installed")
    known = {found[1]: int(found[2]) for found in re.finditer(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\n", source.read_text())}
    machine = seccomp.MACHINES[name]
    special = {call: getattr(machine, call) for call in ("mmap", "mprotect", "clone", "tgkill", "seccomp")}
    assert {call: known.get(call) for call in {**machine.harmless, **special, **NUMBERS[name]}} == {**machine.harmless, **special, **NUMBERS[name]}


@pytest.mark.parametrize(
    "broken", ["seccomp.MACHINES.clear()", "seccomp.MACHINES.update({name: replace(m, seccomp=999) for name, m in seccomp.MACHINES.items()})"]
)
def test_without_a_filter_a_worker_works_on(broken: str) -> None:
    """On a processor without a list, or a kernel that refuses, a worker is confined but for the filter, and says so."""
    program = f"""
        from dataclasses import replace
        from photodiary.darkroom import seccomp, worker
        {broken}
        print(worker.confine(2048))
        """
    assert confined(program) == "False\n"


def test_refusals_have_the_numbers_of_this_systems_errors() -> None:
    """EPERM and ENOSYS, so that libraries take a no for an answer."""
    assert (seccomp.REFUSE & 0xFFFF, seccomp.UNKNOWN & 0xFFFF) == (errno.EPERM, errno.ENOSYS)
