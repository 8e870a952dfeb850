"""Source files as build systems name them for symbol servers: in a repository, at a revision.

`hg:hg.mozilla.org/mozilla-central:mfbt/Vector.h:958d142c` (Mozilla's, in .sym files), `git:` alike,
`s3:BUCKET:HASH/path:` for generated files.
"""

from __future__ import annotations

import re

from crashtool.formats.named_tuple import NamedTuple

# Compiled when they are first needed: most reports name no such file.
VERSIONED = r"(?P<kind>hg|git|svn|s3):(?P<place>[^:]*):(?P<path>[^:]+):(?P<revision>[^:]*)"
GENERATED = r"[0-9a-f]{32,}/"  # the hash of a generated file's content
HOST = r"(github\.com|gitlab\.com|hg\.mozilla\.org)/([\w./-]+)"
# Where the known hosts show a line of a file.
PAGES = {
    "github.com": "https://github.com/{repository}/blob/{revision}/{path}#L{line}",
    "gitlab.com": "https://gitlab.com/{repository}/-/blob/{revision}/{path}#L{line}",
    "hg.mozilla.org": "https://hg.mozilla.org/{repository}/file/{revision}/{path}#l{line}",
}


class SourcePath(NamedTuple):
    """A source file's `path`; where it is under version control, `kind`, `place` and `revision`.

    `kind`: hg, git, svn or s3; "" for a path as the compiler saw it.
    """

    path: str
    kind: str = ""
    place: str = ""
    revision: str = ""


def parse_source_path(text: str) -> SourcePath:
    """The parts of a file's name in debug information."""
    match = re.fullmatch(VERSIONED, text) if text else None
    if match is None:
        return SourcePath(text)
    path = match["path"]
    if match["kind"] == "s3":
        path = re.sub(GENERATED, "", path, count=1)
    return SourcePath(path, match["kind"], match["place"], match["revision"])


def find_source_url(source: SourcePath, line: int | None) -> str:
    """The page of a line on a host that is known; "" for others."""
    host = re.fullmatch(HOST, source.place)
    if host is None or not source.revision:
        return ""
    from urllib.parse import quote  # slow to load

    return PAGES[host[1]].format(
        repository=host[2].removesuffix(".git"),
        revision=quote(source.revision, safe=""),
        path=quote(source.path),
        line=line or 1,
    )


def clean_path(path: str) -> str:
    """A path without its `..` and `.`, by the rules of the system that it was written on."""
    if not re.search(r"[/\\]\.\.?[/\\]", path):
        return path
    if "\\" in path or path[1:2] == ":":
        from ntpath import normpath
    else:
        from posixpath import normpath
    return normpath(path)
