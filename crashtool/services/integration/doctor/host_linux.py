"""host.ptrace, .pid1, .files, .lsm: what this machine, or its container, does to handlers."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from crashtool.model.doctor import DOCKERFILE, IMAGE, PROGRAM, CheckResult, Subject
from crashtool.services.integration.doctor.dockerfile import ContainerStart, read_start
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.facts import markers_of
from crashtool.services.integration.doctor.findings import failure, note, skip, warning
from crashtool.services.integration.doctor.image_settings import check_scope, check_selinux
from crashtool.services.workers.child_environment import child_environment

IS_LINUX = sys.platform == "linux"
HERE = "this machine"
SYSTEM = Path("/")
NOT_LINUX = "only Linux has it"
YAMA, LSM = "proc/sys/kernel/yama/ptrace_scope", "sys/kernel/security/lsm"
SELINUX, CONFINED = "sys/fs/selinux/enforce", "proc/self/attr/current"
STATUS, FIRST_PROCESS = "proc/self/status", "proc/1/comm"
ADMINISTRATOR, NOBODY = 2, 3  # of ptrace_scope (Documentation/admin-guide/LSM/Yama.rst)
SECCOMP_FILTER = "2"
MIN_FILES = 256
MAX_TEXT = 1 << 16  # bytes
ANSWER_SECONDS = 10
# What may be PID 1: it lives on, or waits for what is left, when a program ends
INITS = frozenset(
    (
        "systemd",
        "init",
        "tini",
        "tini-static",
        "docker-init",
        "dumb-init",
        "catatonit",
        "s6-svscan",
        "runsvdir",
        "runit",
        "supervisord",
        "openrc-init",
        "procd",
        "my_init",
        "pause",
        "conmon",
        "tail",
        "sleep",
        "sshd",
        "containerd-shim",
    )
)
# As a handler does it: a child attaches to its parent, which has allowed it to (PR_SET_PTRACER)
ATTACH = """
import ctypes, os, sys
library = ctypes.CDLL(None, use_errno=True)
library.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
library.ptrace.restype = ctypes.c_long
library.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
ready, go = os.pipe()
child = os.fork()
if not child:
    try:
        os.read(ready, 1)
        parent = os.getppid()
        if library.ptrace(16, parent, None, None) < 0:
            os._exit(ctypes.get_errno() or 255)
        os.waitpid(parent, 0x40000000)
        library.ptrace(17, parent, None, None)
        os._exit(0)
    finally:
        os._exit(255)
library.prctl(0x59616D61, child, 0, 0, 0)
os.write(go, b"x")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
UNKNOWN = 255


def check_ptrace(host: Subject, examination: Examination) -> Iterator[CheckResult]:  # noqa: ARG001
    """A child may read its parent: tried, not guessed; of an image, what its files set."""
    if host.kind == IMAGE:
        yield from check_scope(Path(host.path))
        return
    if not IS_LINUX:
        yield skip(HERE, NOT_LINUX)
        return
    number = try_to_attach()
    if number in (None, UNKNOWN):
        yield skip(HERE, "the trial gave no answer")
    elif number:
        reason, fix = _find_forbidder()
        yield failure(
            HERE,
            f"ptrace is forbidden ({reason}): {os.strerror(number or errno.EPERM)}",
            "The handler cannot read the program: every crash here is lost.",
            fix,
        )


def try_to_attach() -> int | None:
    """0 when a child may attach to its parent, else the errno; None without an answer."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", ATTACH],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=ANSWER_SECONDS,
            check=False,
            env=child_environment(),
        )
    except (subprocess.TimeoutExpired, OSError):
        return None
    return done.returncode if done.returncode >= 0 else None


def _find_forbidder() -> tuple[str, str]:
    """What forbids ptrace here, as far as it can be told, and what to do."""
    scope = _read(YAMA)
    if scope.isdigit() and int(scope) >= ADMINISTRATOR:
        reason = f"/{YAMA} is {scope}"
        if int(scope) == NOBODY:
            return reason, "it is 3 until the next boot: remove the setting, then boot again"
        return reason, "sysctl kernel.yama.ptrace_scope=1"
    lines = dict(line.partition(":")[::2] for line in _read(STATUS).splitlines())
    container = "docker run --cap-add=SYS_PTRACE, or --security-opt seccomp=PROFILE that allows it"
    if lines.get("Seccomp", "").strip() == SECCOMP_FILTER:
        return "a seccomp filter is set", container
    return "seccomp, AppArmor or SELinux", container


def check_first_process(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """In a container, PID 1 outlives the program, and the handler with it."""
    consequence = (
        "When PID 1 ends, the kernel kills the handler in the middle of the upload: reports stay "
        "pending."
    )
    fix = (
        "docker run --init with an entrypoint that waits for crashpad_handler to end, and the "
        "database on a volume"
    )
    if subject.kind == DOCKERFILE:
        start = examination.recall(read_start, subject.path)
        if start and (program := _find_started(start, examination)):
            yield warning(
                subject.path,
                f"{program} is the container's PID 1",
                consequence,
                fix,
                line=start.line,
            )
        return
    if not IS_LINUX:
        yield skip(HERE, NOT_LINUX)
        return
    name = _read(FIRST_PROCESS)
    if not name:
        yield skip(HERE, f"/{FIRST_PROCESS} cannot be read")
    elif name not in INITS:
        yield warning(HERE, f"PID 1 is {name}, which is not an init", consequence, fix)


def _find_started(start: ContainerStart, examination: Examination) -> str:
    """The program with Crashpad's client that a container starts as its first process, or ""."""
    first = start.words[0].rpartition("/")[2]
    if first in INITS:
        return ""
    for program in examination.of_kind(PROGRAM):
        name = Path(program.path).name
        if markers_of(program, examination).has_client and name in (
            word.rpartition("/")[2] for word in start.words
        ):
            return name
    return ""


def check_files(host: Subject, examination: Examination) -> Iterator[CheckResult]:  # noqa: ARG001
    """A handler can open as many files as it needs."""
    limit = _find_limit()
    if limit is None:
        yield skip(HERE, "Windows has no such limit")
    elif 0 <= limit < MIN_FILES:  # what is below is no limit
        yield warning(
            HERE,
            f"a process may open {limit} files only",
            "A handler that inherits this fails with `Too many open files`: the crash is lost "
            "after 5 s.",
            f"ulimit -n {4 * MIN_FILES}, or LimitNOFILE= of the service",
        )


def _find_limit() -> int | None:
    """How many files a process may have open; negative for any number, None on Windows."""
    limit = None
    if sys.platform != "win32":
        import resource

        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return limit


def check_lsm(host: Subject, examination: Examination) -> Iterator[CheckResult]:  # noqa: ARG001
    """No security module confines what starts here, or it is said which does."""
    if host.kind == IMAGE:
        yield from check_selinux(Path(host.path))
        return
    if not IS_LINUX:
        yield skip(HERE, NOT_LINUX)
        return
    modules = _read(LSM).split(",")
    selinux, profile = _read(SELINUX), _read(CONFINED)
    if not any(modules) and not selinux:
        yield skip(HERE, f"/{LSM} cannot be read")
        return
    if selinux == "1":
        yield note(
            HERE,
            "SELinux is enforcing",
            "A domain of its own needs process ptrace, and the right to execute the handler.",
            "ausearch -m avc -c crashpad_handler shows what it denied",
        )
    if "apparmor" in modules and profile.endswith("(enforce)"):
        yield note(
            HERE,
            f"AppArmor confines what is started here: {profile}",
            "Its profile must allow ptrace (readby, tracedby), or handlers read nothing.",
            "dmesg | grep DENIED shows what it denied",
        )


def _read(name: str) -> str:
    """A file of the kernel's, without blanks around it; "" when it is not there."""
    try:
        with (SYSTEM / name).open("rb") as file:
            return file.read(MAX_TEXT).decode("utf-8", "replace").strip().strip("\0")
    except OSError:
        return ""
