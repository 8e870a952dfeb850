"""A report that was received, and its files."""

from __future__ import annotations

from pathlib import Path

from crashtool.formats.named_tuple import NamedTuple

MINIDUMP_NAMES = ("upload_file_minidump", "upload_file")
MINIDUMP_MAGIC = b"MDMP"
MAX_LINE_LENGTH, MAX_TEXT, MAX_ARTICLE = 2000, 1 << 20, 2 << 20  # characters
MAX_CALLS_LENGTH = 1 << 14


class StoredFile(NamedTuple):
    """A file of a report: `name` and `filename` as the client said, `path` as we store it."""

    id: int
    name: str
    filename: str
    content_type: str
    size: int
    path: Path
    later: bool


class DumpPage(NamedTuple):
    """What is shown of a minidump: one line, a text of many lines, what it is grouped by.

    `symbols` is in a word how complete they were: complete, incomplete or none. `article` is
    markup that may be put into a page as it is, `calls` what makes groups alike (`pack_calls`).
    """

    headline: str
    text: str
    signature: str = ""
    symbols: str = ""
    article: str = ""
    calls: str = ""

    def bounded(self) -> DumpPage:
        """What is kept of it: a dump can make a page larger than any browser would show."""
        article = self.article if len(self.article) <= MAX_ARTICLE else ""
        text = self.text
        if len(text) > MAX_TEXT:
            text = text[:MAX_TEXT] + "\n… cut here: crashtool inspect shows all of the minidump\n"
        line, group = self.headline[:MAX_LINE_LENGTH], self.signature[:MAX_LINE_LENGTH]
        calls = self.calls if len(self.calls) <= MAX_CALLS_LENGTH else ""
        return DumpPage(line, text, group, self.symbols, article, calls)


class StoredReport(NamedTuple):
    """A report as it arrived.

    `fields` are the form fields, `query` the parameters in the URL, both without repeats (the last
    one counts); `notes` say what Backtrace would have taken amiss. `headline` and what follows are
    of the `DumpPage` that was read from the minidump afterwards; None before that, or "".
    """

    id: int
    rxid: str
    received: float
    format: str
    universe: str
    client: str
    notes: tuple[str, ...]
    headline: str | None
    page: str | None
    query: dict[str, str]
    fields: dict[str, str]
    files: tuple[StoredFile, ...]
    signature: str = ""
    symbols: str = ""
    article: str | None = None
    calls: str = ""

    @property
    def minidump(self) -> Path | None:
        """Where the minidump is stored, if the report has one."""
        if self.format != "minidump":
            return None
        at_once = [file for file in self.files if not file.later]
        for wanted in MINIDUMP_NAMES:
            for file in at_once:
                if file.name == wanted:
                    return file.path
        return next((file.path for file in at_once if has_magic(file.path)), None)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def product(self) -> str:
        """The product, as a Crashpad client or a Backtrace attribute names it."""
        return (
            self.fields.get("prod") or self.fields.get("product") or self.query.get("product", "")
        )

    @property
    def version(self) -> str:
        """The version, likewise."""
        return self.fields.get("ver") or self.fields.get("version") or self.query.get("version", "")


def has_magic(path: Path) -> bool:
    """Whether a file begins as a minidump does."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(MINIDUMP_MAGIC)) == MINIDUMP_MAGIC
    except OSError:
        return False
