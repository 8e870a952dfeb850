"""Parts of the web page besides the stacks: symbols, annotations, modules and what few need."""

from __future__ import annotations

from crashtool.model.crash import Annotation, CrashReport, MemoryExcerpt
from crashtool.model.module import Module
from crashtool.render.detail import hex_lines
from crashtool.render.html_parts import card, code, details, facts, harmless, pill, table
from crashtool.render.symbols import (
    STYLES,
    format_candidate,
    format_status,
    format_statuses,
    list_grounds,
    name_files,
)
from crashtool.render.variables import VALUES_SHOWN, shows_values
from crashtool.render.words import format_size


def render_symbols(report: CrashReport) -> str:
    """The verdicts, what to do about them, and where was looked."""
    verdicts = report.symbols
    if not verdicts:
        text = "None given: --symbols names a build folder or symbol store."
        return card("Symbols", f'<p class="dim">{text}</p>') if report.modules else ""
    rows = [
        (
            pill(format_status(verdict), STYLES.get(verdict.status, "")),
            harmless(verdict.module.name),
            harmless(name_files(verdict)),
            harmless(", ".join(verdict.uses)),
            harmless(verdict.note),
        )
        for verdict in verdicts
    ]
    fixes = dict.fromkeys(verdict.fix for verdict in verdicts if verdict.fix)
    body = table(("Symbols", "Module", "Files", "What they give", "What is wrong"), rows, wide=True)
    for ground, names in list_grounds(verdicts).items():
        body += f'<p class="dim">Found {harmless(ground)}: {harmless(", ".join(names))}</p>'
    if fixes:
        body += f'<ul class="fixes">{"".join(f"<li>{harmless(fix)}</li>" for fix in fixes)}</ul>'
    looked = [
        (
            harmless(verdict.module.name),
            format_candidate(item),
            harmless(item.kind),
            harmless(item.place),
            harmless(item.note),
        )
        for verdict in verdicts
        for item in verdict.candidates
    ]
    if looked:
        head = ("Module", "Result", "Kind", "Place", "Note")
        body += details("Places that were looked at", table(head, looked, wide=True), style="sub")
    return card("Symbols", body, format_statuses(verdicts))


def render_registers(report: CrashReport) -> str:
    """The registers at the crash."""
    thread = report.crashed_thread
    registers = thread.registers if thread else None
    if registers is None:
        return ""
    digits = 2 * registers.width
    rows = ((name, f"{value:0{digits}x}", True) for name, value in registers.values.items())
    return details("Registers at the crash", facts(rows))


def render_annotations(report: CrashReport) -> str:
    """What the client left, which is seldom much and often the reason."""
    if not report.annotations:
        return ""
    rows = [
        (code(item.name or "(text)"), harmless(_value(item)), harmless(_source(item)))
        for item in report.annotations
    ]
    body = table(("Name", "Value", "From"), rows, wide=True)
    return card("Annotations", body, str(len(report.annotations)))


def _value(item: Annotation) -> str:
    return item.value if item.type == 1 else f"{item.size} bytes of type {item.type:#x}"


def _source(item: Annotation) -> str:
    words = item.kind if item.module is None else f"{item.kind} in {item.module}"
    if not item.wins:
        words += ", not uploaded"
    return words + (", perhaps cut" if item.at_limit else "")


def render_secrets(report: CrashReport) -> str:
    """How much looks secret, when somebody counted."""
    if report.secrets is None:
        return ""
    rows = [(harmless(item.kind), str(item.total)) for item in report.secrets]
    note = f'<p class="dim">{harmless(VALUES_SHOWN)}</p>' if shows_values(report) else ""
    if not rows:
        return card("Secrets", f'<p class="dim">None found.</p>{note}')
    secrets = table(("Kind", "Found"), rows)
    return card("Secrets", f"{secrets}{note}", "they go wherever the dump goes")


def render_problems(report: CrashReport) -> str:
    """What is damaged or missing in the dump."""
    if not report.problems:
        return ""
    rows = [
        (harmless(item.sentence), "" if item.offset is None else code(f"{item.offset:#x}"))
        for item in report.problems
    ]
    return card("Problems in the dump", table(("Problem", "Offset"), rows), str(len(rows)))


def render_modules(report: CrashReport) -> str:
    """Every module, and those that were unloaded before."""
    parts = (
        (f"Loaded modules ({len(report.modules)})", report.modules),
        (f"Unloaded modules ({len(report.unloaded_modules)})", report.unloaded_modules),
    )
    head = ("Module", "Version", "Range", "Debug file", "Debug id", "Code id")
    return "".join(
        details(title, table(head, [_module(item) for item in modules], wide=True))
        for title, modules in parts
        if modules
    )


def _module(module: Module) -> tuple[str, ...]:
    return (
        harmless(module.name),
        harmless(module.version or ""),
        code(f"{module.base:#x} \u2013 {module.end:#x}"),
        harmless(module.debug_file or ""),
        code(module.debug_id.breakpad if module.debug_id else ""),
        code(module.code_id or ""),
    )


def render_streams(report: CrashReport) -> str:
    """Handles, memory and the dump's directory: what few need."""
    parts = [_memory(excerpt) for excerpt in report.memory]
    if report.handles:
        rows = [
            (
                code(f"{item.handle:#x}"),
                harmless(item.type),
                harmless(item.name),
                code(f"{item.granted_access:#x}"),
            )
            for item in report.handles
        ]
        body = table(("Handle", "Type", "Name", "Access"), rows)
        parts.append(details(f"Handles ({len(rows)})", body))
    if report.streams:
        rows = [
            (
                code(f"{item.type:#x}"),
                harmless(item.name),
                code(f"{item.offset:#x}"),
                format_size(item.size),
            )
            for item in report.streams
        ]
        body = table(("Type", "Stream", "Offset", "Size"), rows)
        parts.append(details(f"Streams ({len(rows)})", body))
    return "".join(parts)


def _memory(excerpt: MemoryExcerpt) -> str:
    title = f"Memory at {excerpt.address:#x}"
    if excerpt.content is None:
        return details(title, '<p class="dim">Not in the dump.</p>')
    lines = "\n".join(harmless(line) for line in hex_lines(excerpt, excerpt.content))
    return details(title, f'<pre class="dump">{lines}</pre>')
