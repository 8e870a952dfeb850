"""Builds the documentation as a site: `python tools/site.py [FOLDER]`, or `make docs`.

The pages are those of docs/ and of the project's root, which link to each other as GitHub shows
them. They are copied into one tree, their links follow, and mkdocs builds it, strictly: a link to a
page or a heading that is not there ends with status 1.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ROOT / "mkdocs.yml"
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "docs/decisions": "decisions/index.md",
}
ASSETS = (".png", ".json")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
NOTE = re.compile(r"\A(```|~~~)(\w+) +(.+)$", re.MULTILINE)
DECISIONS = "# Decisions\n\nWhat was decided, when, and why; one page each.\n"


def build(target: Path, root: Path = ROOT) -> int:
    """Build the site of the project in `root` into a folder; mkdocs' exit status."""
    with tempfile.TemporaryDirectory() as folder:
        stage(root, Path(folder, "docs"))
        settings = Path(folder, "mkdocs.yml")
        shutil.copyfile(SETTINGS, settings)
        options = ("--strict", "--clean", "--config-file", settings)
        return subprocess.run(
            [sys.executable, "-m", "mkdocs", "build", *options, "--site-dir", target],
            env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
            check=False,
        ).returncode


def stage(root: Path, folder: Path) -> None:
    """Copy the pages below `root` into one tree, with links that lead within it."""
    pages = list_pages(root)
    for source, target in pages.items():
        text = (root / source).read_text(encoding="utf-8") if (root / source).is_file() else ""
        text = text or _list_decisions(root)
        write(folder / target, follow_links(text, source, pages, root, folder))


def list_pages(root: Path) -> dict[str, str]:
    """Each page of the project by its path, and its path in the site."""
    docs = {
        path.relative_to(root).as_posix(): path.relative_to(root / "docs").as_posix()
        for path in sorted((root / "docs").rglob("*.md"))
    }
    return {name: target for name, target in PAGES.items() if (root / name).exists()} | docs


def follow_links(text: str, source: str, pages: dict[str, str], root: Path, folder: Path) -> str:
    """The text of a page with its links as they are in the site.

    What is no page there and no picture or schema becomes plain text: the site holds no sources.
    """

    def follow(match: re.Match[str]) -> str:
        mark, words, target = match.groups()
        path, _, fragment = target.partition("#")
        if not path or re.match(r"[a-z]+:", target):
            return match.group()
        here = "docs/decisions/x" if source == "docs/decisions" else source
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
        if wanted in pages:
            found = pages[wanted]
        elif wanted.endswith(ASSETS) and (root / wanted).is_file():
            found = "assets/" + posixpath.basename(wanted)
            (folder / "assets").mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / wanted, folder / found)
        elif (root / wanted).exists():
            return words
        else:
            found = path  # for mkdocs to complain of
        place = posixpath.dirname(pages[source]) or "."
        return (
            f"{mark}[{words}]({posixpath.relpath(found, place)}{'#' if fragment else ''}{fragment})"
        )

    pieces, end = [], 0
    for block in FENCE.finditer(text):
        pieces += [LINK.sub(follow, text[end : block.start()]), NOTE.sub(_name_file, block.group())]
        end = block.end()
    return "".join([*pieces, LINK.sub(follow, text[end:])])


def _name_file(opening: re.Match[str]) -> str:
    """The first line of a block of code; what follows its language is kept if it is a file."""
    fence, language, note = opening.groups()
    return f'{fence}{language} title="{note}"' if "." in note else fence + language


def write(path: Path, text: str) -> None:
    """Write a page, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _list_decisions(root: Path) -> str:
    rows = []
    for path in sorted((root / "docs" / "decisions").glob("*.md"), reverse=True):
        title = path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
        rows.append(f"- {path.name[:4]}-{path.name[4:6]}-{path.name[6:8]} [{title}]({path.name})")
    return DECISIONS + "\n" + "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "site").resolve()))
