"""What the system did not let us do with somebody's file, in words that say whose it is."""

import errno
import os
import shlex
import sys

from crashtool.errors import CrashtoolError, InputUnusable, MachineFault, reason_of

OF_THE_MACHINE = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
)  # fmt: skip


def explain(
    error: OSError, path: "str | os.PathLike[str] | None" = None, *, subject: str = "it"
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
    """The present call as another user's; without its arguments when a secret is in them."""
    arguments = sys.argv[1:]
    is_ours = os.path.basename(sys.argv[0]).startswith(("crashtool", "__main__"))
    if not is_ours or any("token" in text or "://" in text for text in arguments):
        arguments = ["…"]
    words = " ".join(text if text == "…" else shlex.quote(text) for text in arguments)
    return f"sudo -u {shlex.quote(owner)} crashtool {words}"


def find_owner(path: str) -> str:
    """The user whose file it is, or the folder that hides it; "" for our own, and on Windows."""
    place = path or "."
    while True:
        try:
            return _name_user(os.stat(place).st_uid)
        except OSError:
            above = os.path.dirname(place) or "."
            if above == place:
                return ""
            place = above


def _name_user(user: int) -> str:
    name = ""
    if sys.platform != "win32" and user != os.geteuid():
        import pwd

        try:
            name = pwd.getpwuid(user).pw_name
        except KeyError:
            name = f"#{user}"  # as sudo takes a number
    return name
