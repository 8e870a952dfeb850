"""host.sandbox.mac: bundles whose signatures, entitlements and layout are planted."""

import plistlib

import pytest

from crashtool.errors import MalformedFile
from crashtool.formats.crashpad.apple_double import pack_apple_double
from crashtool.formats.object_file import macho, macho_signing
from crashtool.formats.object_file.macho_structs import (
    DataCommand,
)
from tests.services.integration.doctor.folders import (
    elf_program,
    examine,
    failures,
    find_finding,
    handler_texts,
    macho_program,
    warnings,
    write_program,
)

CHECK = "host.sandbox.mac"
OURS = ("program.", "handler.", "database.", "link.", "source.", "url.", "token.", "annotations.",
        "host.ptrace", "host.pid1", "host.files", "host.lsm", "host.tls")  # fmt: skip


def sign(content, entitlements=None, *, certificate=True):
    """A Mach-O file with a signature: a blob behind it, which its last load command tells of."""
    slots = [(macho_signing.SLOT_CODE_DIRECTORY, 0xFADE0C02, b"")]
    if certificate:
        slots.append((macho_signing.SLOT_CMS, 0xFADE0B01, b""))
    if entitlements is not None:
        text = entitlements if isinstance(entitlements, bytes) else plistlib.dumps(entitlements)
        slots.append((macho_signing.SLOT_ENTITLEMENTS, macho_signing.MAGIC_ENTITLEMENTS, text))
    place = macho_signing.SuperBlob.SIZE + len(slots) * macho_signing.BlobIndex.SIZE
    index = body = b""
    for slot, magic, text in slots:
        row = macho_signing.BlobIndex(slot=slot, offset=place + len(body))
        index += row.pack(big_endian=True)
        blob = macho_signing.Blob(magic=magic, size=macho_signing.Blob.SIZE + len(text))
        body += blob.pack(big_endian=True) + text
    head = macho_signing.SuperBlob(
        magic=macho_signing.MAGIC_EMBEDDED, size=place + len(body), blob_count=len(slots)
    )
    whole = head.pack(big_endian=True) + index + body
    unsigned = DataCommand(command=macho.COMMAND_SIGNATURE, size=DataCommand.SIZE)
    at = content.index(unsigned.pack())
    signed = unsigned.replace(offset=len(content), data_size=len(whole))
    return content[:at] + signed.pack() + content[at + signed.SIZE :] + whole


def code(*texts, signed=True, **options):
    """A Mach-O program with Crashpad's client."""
    if not signed:
        return macho_program(*texts)
    row = DataCommand(command=macho.COMMAND_SIGNATURE, size=DataCommand.SIZE)
    return sign(macho_program(*texts, commands=[[row]]), **options)


@pytest.fixture
def bundle(tmp_path):
    """bundle() -> Game.app, with a program and a handler, both signed."""

    def make(program=None, handler=None, place="MacOS"):
        app = tmp_path / "Game.app"
        write_program(app / "Contents" / "MacOS" / "Game", program or code(handler_name()))
        content = handler or code(handler_texts())
        write_program(app / "Contents" / place / "crashpad_handler", content)
        return app

    return make


def handler_name():
    return "crashpad_handler"


def test_a_bundle_that_is_signed_passes(bundle):
    diagnosis = examine(bundle(), without=OURS)
    assert (failures(diagnosis), warnings(diagnosis)) == (set(), set())
    assert [f.verdict for f in diagnosis.findings if f.check == CHECK] == ["pass"]


def test_the_other_checks_find_nothing_in_it_either(bundle):
    assert failures(examine(bundle())) == set()


def test_the_app_sandbox_denies_the_handler(bundle):
    program = code(handler_name(), entitlements={"com.apple.security.app-sandbox": True})
    diagnosis = examine(bundle(program), without=OURS)
    assert failures(diagnosis) == {CHECK}
    assert "App Sandbox" in find_finding(diagnosis, CHECK).cause


def test_other_entitlements_are_let_alone(bundle):
    program = code(handler_name(), entitlements={"com.apple.security.app-sandbox": False})
    assert failures(examine(bundle(program), without=OURS)) == set()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"place": "Resources"}, "Contents/Resources"),
        ({"handler": code(handler_texts(), signed=False)}, "it is not signed"),
    ],
)
def test_a_handler_in_the_wrong_folder_or_unsigned(bundle, options, words):
    diagnosis = examine(bundle(**options), without=OURS)
    assert (failures(diagnosis), warnings(diagnosis)) == (set(), {CHECK})
    assert words in find_finding(diagnosis, CHECK, "warning").cause


def test_a_handler_in_helpers_is_found(bundle):
    assert failures(examine(bundle(place="Helpers"))) == set()


def test_a_handler_in_quarantine(bundle):
    app = bundle()
    sidecar = pack_apple_double({"com.apple.quarantine": b"0083;5f;Safari;"})
    (app / "Contents" / "MacOS" / "._crashpad_handler").write_bytes(sidecar)
    diagnosis = examine(app, without=OURS)
    assert warnings(diagnosis) == {CHECK}
    assert "xattr -d com.apple.quarantine" in find_finding(diagnosis, CHECK, "warning").fix


@pytest.mark.parametrize(
    "entitlements", [b"", b"<plist>", b"\xff\xfe\0", b"<plist><dict/></plist>" * 2]
)
def test_entitlements_that_are_damaged_are_a_warning(bundle, entitlements):
    diagnosis = examine(bundle(code(handler_name(), entitlements=entitlements)), without=OURS)
    assert (failures(diagnosis), warnings(diagnosis)) == (set(), {CHECK})


def test_a_signature_cut_anywhere_is_malformed_or_read():
    whole = code(entitlements={"a": True})
    for end in range(len(whole) - 400, len(whole)):
        with pytest.raises(MalformedFile):
            macho_signing.read_signature(whole[:end])


def test_a_bundle_of_another_system_is_let_alone(tmp_path):
    write_program(tmp_path / "Odd.app" / "Contents" / "MacOS" / "Odd", elf_program())
    assert failures(examine(tmp_path / "Odd.app", without=OURS)) == set()


@pytest.mark.parametrize("magic", [macho_signing.MAGIC_EMBEDDED, macho_signing.MAGIC_ENTITLEMENTS])
def test_a_blob_of_another_kind_is_malformed(magic):
    whole = code(entitlements={"a": True})
    damaged = whole.replace(magic.to_bytes(4, "big"), b"\xde\xad\xbe\xef")
    assert damaged != whole
    with pytest.raises(MalformedFile, match="damaged"):
        macho_signing.read_signature(damaged)
