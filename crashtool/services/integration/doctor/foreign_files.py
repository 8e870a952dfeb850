"""What a file is that should be a program: words for its first bytes."""

ZIP, GZIP, XZ, SEVEN_ZIP = b"PK\x03\x04", b"\x1f\x8b", b"\xfd7zXZ", b"7z\xbc\xaf\x27\x1c"
COPY = "copy the crashpad_handler program itself"
PRINTABLE = frozenset((*range(0x20, 0x7F), *b"\t\r\n"))
KINDS = (
    (b"#!", "a script", "name the program that the script starts: --handler PATH"),
    (b"version https://git-lfs.github.com/spec/", "a pointer of Git LFS", "git lfs pull"),
    (ZIP, "a zip archive", f"unpack it, and {COPY}"),
    (GZIP, "a gzip archive", f"unpack it, and {COPY}"),
    (XZ, "an xz archive", f"unpack it, and {COPY}"),
    (SEVEN_ZIP, "a 7z archive", f"unpack it, and {COPY}"),
    (b"!<arch>\n", "a static library or package", COPY),
    (b"<!DOCTYPE", "a web page, perhaps of a failed download", "download it again, and look at it"),
    (b"<html", "a web page, perhaps of a failed download", "download it again, and look at it"),
)


def tell_kind(head: bytes) -> tuple[str, str]:
    """What a file is that is no object file, with its article, and what to do about it."""
    if not head:
        return "an empty file", COPY
    for magic, words, fix in KINDS:
        if head[: len(magic)].lower() == magic.lower():
            return words, fix
    if all(byte in PRINTABLE for byte in head):
        return "a text file", COPY
    return "no program that can be read: damaged, or of another format", COPY
