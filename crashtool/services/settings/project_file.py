"""Whether a project file may be a stranger's, and what even a good one may not name.

A project file comes with somebody's sources, or lies in a folder above the current one. It may say
how a project sends its crashes; it may not make crashtool run programs, or send or write files that
are none of the project's. On Windows nothing is known of who else may write a file: access control
lists are not read, so there only the second half holds.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from typing import Any

from crashtool.errors import UsageError
from crashtool.formats.attributes import parse_attachment
from crashtool.formats.shell_words import quote_word
from crashtool.services.settings.table import INSIDE, Setting

GROUP_WRITES, OTHERS_WRITE = 0o020, 0o002


def check_project_file(path: str) -> UsageError | None:
    """Why a project file that was found is not read: someone else may have written it."""
    if os.name == "nt":
        return None
    try:
        reason = find_writer(path)
    except OSError as error:
        reason = f"cannot find out who may write to it: {error.strerror}"
    if not reason:
        return None
    return UsageError(
        f"the project file {path} is refused: {reason}",
        hint="another user may have written it. If it is yours: --project-file "
        f"{quote_word(path)} (or CRASHTOOL_PROJECT_FILE) reads it all the same; "
        "an empty name, none",
    )


def find_writer(path: str) -> str:
    """Who else may have written a file; "" for nobody. The superuser may anything, anyway."""
    owners = _trusted_owners()
    real = os.path.realpath(path)
    for spelling in dict.fromkeys((path, real)):
        status = os.lstat(spelling)
        if status.st_uid not in owners:
            return f"it belongs to {_name_of(status.st_uid)}"
        folder = os.path.dirname(spelling)
        if not stat.S_ISLNK(status.st_mode) and _others_may_write(status):
            return f"others may write it (mode {stat.S_IMODE(status.st_mode):o})"
        if reason := _find_folder_writer(folder, owners):
            return reason
    return ""


def _find_folder_writer(folder: str, owners: set[int]) -> str:
    """Who else may put files into a folder, or another folder in its place."""
    status = os.stat(folder)
    if status.st_uid not in owners:
        return f"its folder {folder} belongs to {_name_of(status.st_uid)}"
    if _others_may_write(status):
        return f"others may write its folder {folder} (mode {stat.S_IMODE(status.st_mode):o})"
    above = os.path.dirname(folder)
    while above != folder:
        mode = os.stat(above).st_mode
        if (
            mode & OTHERS_WRITE and not mode & stat.S_ISVTX
        ):  # sticky: only owners move what is in it
            return f"others may replace what is in {above} (mode {stat.S_IMODE(mode):o})"
        folder, above = above, os.path.dirname(above)
    return ""


def _trusted_owners() -> set[int]:
    """The superuser, this user, and who became the superuser by sudo, as git has it."""
    owners = {0}
    if sys.platform != "win32":
        owners.add(os.geteuid())
        sudo = os.environ.get("SUDO_UID", "")
        if os.geteuid() == 0 and sudo.isdecimal():
            owners.add(int(sudo))
    return owners


def _others_may_write(status: os.stat_result) -> bool:
    """Whether anyone but the owner may write. A group of the owner's own is no one else."""
    if status.st_mode & OTHERS_WRITE:
        return True
    return bool(status.st_mode & GROUP_WRITES) and not _is_private(status.st_gid, status.st_uid)


def _is_private(group: int, owner: int) -> bool:
    """Whether a group is that of one user, as many systems make one for each (with umask 002)."""
    is_own = False
    if sys.platform != "win32":
        import grp
        import pwd

        with suppress(KeyError):
            group_entry, user = grp.getgrgid(group), pwd.getpwuid(owner)
            is_named_alike = group_entry.gr_name == user.pw_name and user.pw_gid == group
            is_own = is_named_alike and not set(group_entry.gr_mem) - {user.pw_name}
    return is_own


def _name_of(owner: int) -> str:
    name = "another user"
    if sys.platform != "win32":
        import pwd

        with suppress(KeyError):
            name = pwd.getpwuid(owner).pw_name
    return f"{name} (uid {owner})"


def check_named(setting: Setting, value: Any, path: str) -> None:
    """UsageError when a project file gives a setting that it may not, or a file outside its folder.

    Links are followed first: one that leads out of the folder is outside.
    """
    by = f"{setting.flag} or {setting.variable}" if setting.flag else setting.variable
    hint = f"give it with {by}; --project-file {quote_word(path)} takes the whole file as your own"
    if setting.from_project != INSIDE:
        raise UsageError(f"a project file may not give {setting.name}, and {path} does", hint=hint)
    folder = os.path.realpath(os.path.dirname(path))
    texts = value if isinstance(value, list) else [value]
    for text in texts:
        named = parse_attachment(text).path if setting.name == "attachments" else text
        if not _is_inside(named, folder):
            raise UsageError(
                f"{path} names a file outside its folder: {setting.name} = {named!r}", hint=hint
            )


def _is_inside(path: str, folder: str) -> bool:
    if "\0" in path:  # no file's name; systems differ in whether they say so
        return False
    try:
        real = os.path.realpath(path)
    except (OSError, ValueError):
        return False
    parent, own = os.path.normcase(folder).rstrip(os.sep) + os.sep, os.path.normcase(real)
    return own.startswith(parent)
