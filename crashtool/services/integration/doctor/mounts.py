"""What kind of file system a path is on, by Linux' table of mounts."""

from __future__ import annotations

import re

from crashtool.formats.named_tuple import NamedTuple

NETWORK = frozenset(
    (
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ceph",
        "fuse.sshfs",
        "glusterfs",
        "fuse.glusterfs",
        "lustre",
        "davfs",
        "fuse.davfs2",
    )
)
LAYERED = frozenset(("overlay", "aufs", "fuse.fuse-overlayfs"))
MAX_MOUNTS = 100_000
ESCAPED = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """One mount: where, and of what type."""

    point: str
    type: str


def parse_mounts(text: str) -> list[Mount]:
    """The mounts in /proc/self/mountinfo (proc(5)); lines of another shape are left out."""
    mounts = []
    for line in text.splitlines()[:MAX_MOUNTS]:
        before, separator, after = line.partition(" - ")
        fields = before.split()
        if separator and len(fields) >= 5 and after.split():  # noqa: PLR2004 (proc(5))
            point = ESCAPED.sub(lambda digits: chr(int(digits[1], 8)), fields[4])
            mounts.append(Mount(point, after.split()[0]))
    return mounts


def find_mount(mounts: list[Mount], path: str) -> Mount | None:
    """The mount that a path is on: the last of those with the longest point."""
    best: Mount | None = None
    for mount in mounts:
        point = mount.point.rstrip("/") + "/"
        is_above = (path.rstrip("/") + "/").startswith(point)
        if is_above and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best
