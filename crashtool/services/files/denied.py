"""What the system did not let us do with somebody's file, in words that say whose it is."""

from __future__ import annotations

import errno
import os
import shlex
import sys

from crashtool.errors import CrashtoolError, InputUnusable, MachineFault, reason_of

OF_THE_MACHINE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
)
READERS = (["inspect"], ["symbols"], ["database", "list"], ["database", "show"])


def explain(
    error: OSError, path: str | os.PathLike[str] | None = None, *, subject: str = "it"
) -> CrashtoolError:
    """An error of the system about a file: MachineFault for want of room, else InputUnusable.

    `path` is the file or folder that the user knows, when the error's own is a part of it, and
    `subject` what it is.
    """
    named = os.fspath(path or error.filename or "a file")
    inner = error.filename if isinstance(error.filename, str) else ""
    what = f"cannot read {named}: {reason_of(error)}"
    if inner and inner != named:
        what += f" ({os.path.basename(inner)})"
    if error.errno in OF_THE_MACHINE:
        return MachineFault(f"cannot use {named}: {reason_of(error)}")
    if not isinstance(error, PermissionError):
        return InputUnusable(what)
    what = what.replace("Permission denied", "permission denied")
    owner = find_owner(inner or named)
    if not owner:
        return InputUnusable(what)
    return InputUnusable(f"{what}; {subject} belongs to {owner}", hint=call_as(owner))


def call_as(owner: str) -> str:
    """The present call as another user's; without its arguments when a secret is in them.

    sudo looks for programs in the system's folders alone, so the whole path is given. What lies in
    a home that is closed to others only root can call; that is no advice for what writes, for it
    would leave files of root's to a handler of somebody else's.
    """
    from shutil import which  # seldom needed

    program, arguments = _own_program(), sys.argv[1:]
    is_dry = bool({"-n", "--dry-run"} & set(arguments))
    only_reads = is_dry or arguments[:1] in READERS or arguments[:2] in READERS
    if any("token" in text or "://" in text for text in arguments):
        arguments = ["…"]
    words = " ".join(text if text == "…" else shlex.quote(text) for text in (*program, *arguments))
    can_call = all(map(_is_open_to_others, (program[0], sys.executable, __file__, ".")))
    if not which("sudo"):
        return f"call it as {owner}: {words}"
    if can_call and owner != "root":
        return f"sudo -u {shlex.quote(owner)} {words}"
    if only_reads or owner == "root":
        return f"sudo {words}"
    return (
        f"call it as {owner}, with a crashtool that {owner} may run: this one is closed to others"
    )


def _own_program() -> list[str]:
    """What was called: the script that an installation makes, or the interpreter with our name."""
    if os.path.basename(sys.argv[0]).startswith("crashtool"):
        return [os.path.abspath(sys.argv[0])]
    return [sys.executable, "-m", "crashtool"]


def _is_open_to_others(path: str) -> bool:
    """Whether any user may go through all the folders to a file, and read it."""
    import stat  # seldom needed

    folder = os.path.realpath(path)
    try:
        mode = os.stat(folder).st_mode
        is_open = bool(mode & (stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH))
        while is_open and folder != os.path.dirname(folder):
            folder = os.path.dirname(folder)
            is_open = bool(os.stat(folder).st_mode & stat.S_IXOTH)
    except OSError:
        return False
    return is_open


def find_owner(path: str) -> str:
    """The user whose file it is, or the folder that hides it; "" for our own, and on Windows."""
    folder = path or "."
    while True:
        try:
            return _name_user(os.stat(folder).st_uid)
        except OSError:
            above = os.path.dirname(folder) or "."
            if above == folder:
                return ""
            folder = above


def _name_user(user: int) -> str:
    name = ""
    if sys.platform != "win32" and user != os.geteuid():
        import pwd

        try:
            name = pwd.getpwuid(user).pw_name
        except KeyError:
            name = f"#{user}"  # as sudo takes a number
    return name
