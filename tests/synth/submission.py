"""What a Crashpad client leaves in a dump for its upload, ready to be put into a builder."""

from uuid import UUID

from crashtool.formats.minidump.crashpad_info import (
    AnnotationObject,
    CrashpadInfo,
    ModuleAnnotations,
)

REPORT_ID = UUID("11111111-2222-3333-4444-555555555555")
CLIENT_ID = UUID("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee")
PROCESS = (("prod", "Game"), ("ver", "1.2.3"))


def make_crashpad(annotations=PROCESS, modules=(), **values):
    fixed = {"version": 1, "report_id": REPORT_ID, "client_id": CLIENT_ID, "address_mask": 0}
    return CrashpadInfo(annotations=tuple(annotations), modules=tuple(modules), **fixed | values)


def make_module(index, *, lists=(), simple=(), objects=()):
    found = tuple(
        item if isinstance(item, AnnotationObject) else AnnotationObject(item[0], 1, item[1])
        for item in objects
    )
    return ModuleAnnotations(index, tuple(lists), tuple(simple), found)
