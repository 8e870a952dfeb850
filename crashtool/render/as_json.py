"""A crash report as a JSON document, in rust-minidump's schema where that has a word for it.

Addresses are strings, in hex, padded to the pointer's width. All fields are optional to readers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashtool.formats.foreign_paths import base_name
from crashtool.formats.minidump.reasons.reason import pointer_size
from crashtool.formats.source_path import find_source_url, parse_source_path
from crashtool.model.crash import (
    Annotation,
    BadPointer,
    Crash,
    CrashpadIds,
    CrashReport,
    Frame,
    InlineFrame,
    System,
    Thread,
)
from crashtool.model.module import Module
from crashtool.model.signature import VERSION, sign
from crashtool.render.words import format_assertion, format_error_code

if TYPE_CHECKING:
    from crashtool.model.symbol_lookup import ModuleStatus
    from crashtool.model.variables import FrameVariable

CPU_NAMES = {"x86_64": "amd64"}  # rust-minidump's name where it is not ours
RELEASE_KEYS = {
    "DISTRIB_ID": "id",
    "DISTRIB_RELEASE": "release",
    "DISTRIB_CODENAME": "codename",
    "DISTRIB_DESCRIPTION": "description",
}
CRASH_KEYS = (
    "type",
    "address",
    "crashing_thread",
    "assertion",
    "assertion_info",
    "description",
    "address_kind",
    "address_description",
    "access",
    "is_crash",
    "hints",
    "instruction",
    "bad_pointer",
    "thread_id",
    "address_module",
    "exception",
)
Document = dict[str, Any]


def crash_document(report: CrashReport) -> Document:
    """The whole report. No key is left out; what is not known is null."""
    signature = sign(report)
    width = pointer_size(report.system.architecture) if report.system else 8
    writer = _Writer(width)
    return {
        "status": "DAMAGED" if report.is_damaged else "OK",
        "path": report.path,
        "size": report.size,
        "origin": report.origin or None,
        "writer": report.writer or None,
        "written": report.written,
        "crash_info": writer.crash(report.crash, report.crashing_thread),
        "signature": signature.text or None,
        "signature_version": VERSION,
        "signature_quality": signature.quality,
        "signature_calls": list(signature.calls),
        "crash_class": signature.kind,
        "system_info": _system(report.system),
        "lsb_release": _release(report.system),
        "pid": report.process.id,
        "process": {
            "name": report.process.name,
            "version": report.process.version,
            "create_time": report.process.created,
            "uptime": report.process.uptime,
            "command_line": report.process.command_line,
            "image_path": report.process.image_path,
            "current_directory": report.process.current_directory,
            "environment_count": report.process.environment_count,
        },
        "crashpad_info": writer.crashpad(report.crashpad),
        "annotations": [_annotation(annotation) for annotation in report.annotations],
        "messages": list(report.messages),
        "comments": list(report.comments),
        "crashing_thread": writer.crashed_thread(report),
        "thread_count": len(report.threads),
        "threads": [writer.thread(item) for item in report.threads],
        "main_module": 0 if report.modules else None,
        "modules": writer.modules(report),
        "unloaded_modules": [writer.unloaded(module) for module in report.unloaded_modules],
        "symbols": [_verdict(verdict) for verdict in report.symbols],
        "handles": writer.handles(report),
        "memory": [
            {
                "address": writer.hex(item.address),
                "bytes": None if item.content is None else item.content.hex(),
            }
            for item in report.memory
        ],
        "secrets": (
            None if report.secrets is None else [item._asdict() for item in report.secrets]
        ),
        "streams": [stream._asdict() for stream in report.streams],
        "problems": [problem._asdict() for problem in report.problems],
    }


class _Writer:
    """The parts that hold addresses, all padded to one width in bytes."""

    def __init__(self, width: int) -> None:
        self._format = f"0x{{:0{2 * width}x}}"

    def hex(self, address: int) -> str:
        return self._format.format(address)

    def hex_or_none(self, address: int | None) -> str | None:
        return None if address is None else self._format.format(address)

    def crash(self, crash: Crash | None, thread: int | None) -> Document:
        if crash is None:
            return dict.fromkeys(CRASH_KEYS) | {"crashing_thread": thread, "hints": []}
        reason = crash.reason
        module = crash.address_module
        return {
            "type": reason.name,
            "address": self.hex(reason.address),
            "crashing_thread": thread,
            "assertion": format_assertion(crash.assertion) if crash.assertion else None,
            "assertion_info": crash.assertion._asdict() if crash.assertion else None,
            "description": reason.sentence,
            "address_kind": reason.address_kind,
            "address_description": reason.address_words or None,
            "access": reason.access or None,
            "is_crash": reason.is_crash,
            "hints": list(crash.hints),
            "instruction": crash.instruction or None,
            "bad_pointer": self.bad_pointer(crash.bad_pointer),
            "thread_id": crash.thread_id,
            "address_module": module.name if module else None,
            "exception": {
                "code": f"0x{crash.code:08x}",
                "flags": f"0x{crash.flags:08x}",
                "address": self.hex(crash.address),
                "parameters": [self.hex(value) for value in crash.parameters],
            },
        }

    def bad_pointer(self, pointer: BadPointer | None) -> Document | None:
        if pointer is None:
            return None
        return {
            "does": pointer.does,
            "target": pointer.target,
            "pointer": pointer.pointer,
            "value": self.hex_or_none(pointer.value),
            "note": pointer.note or None,
            "is_reference": pointer.is_reference,
        }

    def crashed_thread(self, report: CrashReport) -> Document | None:
        thread = report.crashed_thread
        if thread is None:
            return None
        document = self.thread(thread)
        if thread.frames and thread.registers:
            registers = thread.registers.values.items()
            document["frames"][0]["registers"] = {
                name: self.hex(value) for name, value in registers
            }
        total = {
            "threads_index": report.crashing_thread,
            "total_frames": len(thread.frames) + thread.left_out,
        }
        return document | total

    def thread(self, thread: Thread) -> Document:
        return {
            "thread_id": thread.id,
            "thread_name": thread.name,
            "last_error_value": format_error_code(thread.last_error),
            "note": thread.note or None,
            "frame_count": len(thread.frames),
            "frames_left_out": thread.left_out,
            "frames": [
                self.frame(thread.number_of(index), frame)
                for index, frame in enumerate(thread.frames)
            ],
        }

    def frame(self, number: int, frame: Frame) -> Document:
        return {
            "frame": number,
            "trust": frame.trust,
            "may_skip": frame.may_skip,
            "offset": self.hex(frame.instruction),
            "module": frame.module.name if frame.module else None,
            "module_offset": self.hex_or_none(frame.module_offset),
            "function": frame.function,
            "function_offset": self.hex_or_none(frame.function_offset),
            "file": frame.file,
            "line": frame.line,
            "version_control": _version_control(frame),
            "inlines": [_inline(inline) for inline in frame.inlines] or None,
            "missing_symbols": frame.function is None,
            "resume_address": self.hex_or_none(frame.resume),
            "source": [line._asdict() for line in frame.source] or None,
            "unloaded_modules": [
                {"module": hit.name, "offsets": [self.hex(hit.offset)]} for hit in frame.unloaded
            ]
            or None,
        } | _variables(frame.variables)

    def modules(self, report: CrashReport) -> list[Document]:
        verdicts = {verdict.module.base: verdict for verdict in report.symbols}
        return [self.module(module, verdicts.get(module.base)) for module in report.modules]

    def module(self, module: Module, verdict: ModuleStatus | None) -> Document:
        return self.unloaded(module) | {
            "version": module.version,
            "debug_file": base_name(module.debug_file) if module.debug_file else None,
            "debug_path": module.debug_file,
            "debug_id": module.debug_id.breakpad if module.debug_id else None,
            **_symbol_state(verdict),
        }

    def unloaded(self, module: Module) -> Document:
        return {
            "base_addr": self.hex(module.base),
            "end_addr": self.hex(module.end),
            "filename": module.name,
            "code_file": module.code_file,
            "code_id": module.code_id.lower() if module.code_id else None,
            "cert_subject": None,
        }

    def handles(self, report: CrashReport) -> list[Document] | None:
        if report.handles is None:
            return None
        return [
            {
                "handle": item.handle,
                "type_name": item.type or None,
                "object_name": item.name or None,
                "granted_access": f"0x{item.granted_access:08x}",
            }
            for item in report.handles
        ]

    def crashpad(self, ids: CrashpadIds | None) -> Document | None:
        if ids is None:
            return None
        return {
            "version": ids.version,
            "report_id": str(ids.report_id),
            "client_id": str(ids.client_id),
            "address_mask": self.hex(ids.address_mask),
        }


def _symbol_state(verdict: ModuleStatus | None) -> Document:
    """What rust-minidump says of a module's symbols; all false when nobody looked for them."""
    if verdict is None:
        return {
            "loaded_symbols": False,
            "missing_symbols": False,
            "corrupt_symbols": False,
            "symbol_url": None,
            "symbol_status": None,
        }
    files = verdict.files
    urls = [item.place for item in files if "://" in item.place]
    return {
        "loaded_symbols": bool(files),
        "missing_symbols": not files and verdict.status != "malformed",
        "corrupt_symbols": any(item.status == "malformed" for item in verdict.candidates),
        "symbol_url": urls[0] if urls else None,
        "symbol_status": verdict.status,
    }


def _verdict(verdict: ModuleStatus) -> Document:
    module = verdict.module
    return {
        "module": module.name,
        "debug_file": base_name(module.debug_file) if module.debug_file else None,
        "debug_id": module.debug_id.breakpad if module.debug_id else None,
        "code_id": module.code_id.lower() if module.code_id else None,
        "status": verdict.status,
        "uses": list(verdict.uses),
        "note": verdict.note or None,
        "fix": verdict.fix or None,
        "candidates": [
            {
                "place": item.place,
                "status": item.status,
                "kind": item.kind or None,
                "note": item.note or None,
            }
            for item in verdict.candidates
        ],
    }


def _system(system: System | None) -> Document | None:
    if system is None:
        return None
    return {
        "os": system.name,
        "os_ver": " ".join(part for part in (system.version, system.build) if part) or None,
        "cpu_arch": CPU_NAMES.get(system.architecture, system.architecture),
        "cpu_count": system.cpu_count,
        "cpu_info": system.cpu_info or None,
    }


def _release(system: System | None) -> Document | None:
    if system is None or not system.release:
        return None
    return {RELEASE_KEYS.get(key, key): value for key, value in system.release}


def _annotation(annotation: Annotation) -> Document:
    return {
        "kind": annotation.kind,
        "name": annotation.name or None,
        "value": annotation.value,
        "type": annotation.type,
        "module": annotation.module,
        "module_index": annotation.module_index,
        "size": annotation.size,
        "uploaded": annotation.wins,
        "perhaps_truncated": annotation.at_limit,
    }


def _inline(call: InlineFrame) -> Document:
    document = {"function": call.function, "file": call.file, "line": call.line}
    return document | _variables(call.variables)


def _variables(variables: tuple[FrameVariable, ...]) -> Document:
    """The variables of a frame or merged call; nothing where none are known."""
    if not variables:
        return {}
    from crashtool.render.variables_json import variable_document  # seldom there are any

    return {"variables": [variable_document(variable) for variable in variables]}


def _version_control(frame: Frame) -> Document | None:
    """Where a source file is under version control, if its name in the symbols tells."""
    source = parse_source_path(frame.file or "")
    if not source.kind:
        return None
    url = find_source_url(source, frame.line)
    return source._asdict() | {"url": url or None}
