"""A Windows process's TEB, PEB and process parameters in memory (winternl.h, ntdll's symbols)."""

from typing import NamedTuple

TEB, PEB, PARAMETERS, TEXTS, ENVIRONMENT = 0x90000, 0xA0000, 0xB0000, 0xC0000, 0xE0000


class Layout(NamedTuple):
    """Where fields are, in bytes from their structure's start; `width` of a pointer."""

    width: int
    own: int
    peb: int
    parameters: int
    folder: int
    image: int
    command: int
    environment: int
    size: int


NARROW = Layout(4, 0x18, 0x30, 0x10, 0x24, 0x38, 0x40, 0x48, 0x290)
WIDE = Layout(8, 0x30, 0x60, 0x20, 0x38, 0x60, 0x70, 0x80, 0x410)


def environment_block(*variables):
    """NAME=VALUE texts as Windows keeps them."""
    return "".join(f"{text}\0" for text in (*variables, "")).encode("utf-16-le", "surrogatepass")


def add_process_parameters(
    builder,
    layout=WIDE,
    *,
    command="app.exe",
    image="C:\\app.exe",
    folder="C:\\",
    environment=None,
    without=(),
):
    """Add memory that leads from TEB to the texts; `without` names pieces to leave out.

    A text is str, or bytes as they are in memory; `environment` is a whole block.
    """
    width = layout.width
    pieces = {
        "teb": (TEB, {layout.own: TEB, layout.peb: PEB}, layout.peb + width),
        "peb": (PEB, {layout.parameters: PARAMETERS}, 0x100),
    }
    for name, (address, pointers, size) in pieces.items():
        if name not in without:
            data = bytearray(size)
            for offset, value in pointers.items():
                data[offset : offset + width] = value.to_bytes(width, "little")
            builder.add_memory(address, bytes(data))
    data = bytearray(layout.size)
    texts = {layout.command: command, layout.image: image, layout.folder: folder}
    for index, (offset, text) in enumerate(texts.items()):
        raw = text.encode("utf-16-le") if isinstance(text, str) else text
        place = TEXTS + index * 0x8000
        data[offset : offset + 4] = len(raw).to_bytes(2, "little") + min(
            len(raw) + 2, 0xFFFF
        ).to_bytes(2, "little")
        data[offset + width : offset + 2 * width] = place.to_bytes(width, "little")
        if raw and f"text {index}" not in without:
            builder.add_memory(place, raw)
    if environment is not None:
        data[layout.environment : layout.environment + width] = ENVIRONMENT.to_bytes(
            width, "little"
        )
        builder.add_memory(ENVIRONMENT, environment)
    if "parameters" not in without:
        builder.add_memory(PARAMETERS, bytes(data))
    return builder
