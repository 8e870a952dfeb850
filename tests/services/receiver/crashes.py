"""A crash that symbols make readable: a dump, the .sym file for it, and how both are sent."""

import io
import zipfile

import requests

from crashtool.formats.identifiers import BuildId
from tests.synth.minidump import MinidumpBuilder
from tests.synth.symbol_file import build_symbol_file, file, func, line

BUILD_ID = bytes(range(1, 21))
BASE = 0x400000


def make_dump(module="/srv/game/libplay.so", thread="main", address=0x1010, stream=b""):
    """A crash at `address` in a module; `stream` is a stream of another's."""
    registers = {"rip": BASE + address, "rsp": 0x20000, "rbp": 0x20000}
    builder = (
        MinidumpBuilder()
        .add_system()
        .add_thread(7, name=thread, registers=registers, stack=(0x20000, bytes(256)))
        .add_module(module, BASE, 0x10000, build_id=BUILD_ID)
        .set_exception(7, 11, 0x8, registers=registers)
    )
    if stream:
        builder.add_stream(10, stream)
    return builder.pack()


def make_symbols(function="Player::jump"):
    """An archive with the .sym file of the module."""
    identifier = BuildId(BUILD_ID).debug_id.breakpad
    text = build_symbol_file(
        file(0, "player.cpp"),
        func(0x1000, 0x40, function, line(0x1000, 0x40, 42)),
        module=f"MODULE Linux x86_64 {identifier} libplay.so",
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"libplay.so/{identifier}/libplay.so.sym", text)
    return packed.getvalue()


def send_crash(receiver, dump=None, fields=None, files=None):
    """Send a crash; the receiver's name for it."""
    reply = requests.post(
        receiver.submission_url(),
        data=fields or {"prod": "Game", "ver": "1"},
        files={"upload_file_minidump": ("crash.dmp", dump or make_dump())} | (files or {}),
        timeout=20,
    )
    reply.raise_for_status()
    return reply.json()["_rxid"]


def send_symbols(receiver, content=None, name=""):
    url = receiver.submission_url("symbols") + (f"?upload_file={name}" if name else "")
    reply = requests.post(url, data=content or make_symbols(), timeout=20)
    reply.raise_for_status()
    return reply.json()["_rxid"]
