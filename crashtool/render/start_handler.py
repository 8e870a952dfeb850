"""Annotations and attachments as the texts that StartHandler, shells and build files take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crashtool.formats.attribute_rules import AttributeFinding, StartPlan
from crashtool.formats.attributes import join_annotations
from crashtool.formats.crashpad.arguments import (
    attachment_argument,
    sent_name,
    windows_command_line,
)
from crashtool.formats.crashpad.handler_options import find_handler_option
from crashtool.formats.shell_words import quote_posix
from crashtool.render.literals import (
    cmake_element,
    cmake_string,
    cpp_path,
    cpp_string,
    fits_cmake_list,
    toml_string,
)

MAX_SUBJECT = 80  # characters of a key or name that a line shows
HEADERS = """\
// #include <map>, <string>, <vector>; "base/files/file_path.h"; "client/crashpad_client.h"
"""


def as_arguments(plan: StartPlan) -> str:
    """One argument a line, in the order of the handler's argv."""
    return "\n".join(plan.arguments)


def as_shell(plan: StartPlan) -> str:
    """One line of words for a POSIX shell."""
    return " ".join(quote_posix(argument) for argument in plan.arguments)


def as_windows(plan: StartPlan) -> str:
    """One command line, quoted as Crashpad quotes it."""
    return windows_command_line(plan.arguments)


def as_cpp(plan: StartPlan) -> str:
    """The containers that StartHandler takes: `annotations`, `arguments` and `attachments`.

    A handler of 2018 gets its attachments among the arguments: it refuses what StartHandler makes
    of the parameter.
    """
    early = plan.handler.names_attachments
    spelled = [cpp_string(option) for option in plan.options]
    spelled += [
        cpp_string(attachment_argument(item, plan.kind)) for item in plan.attachments if early
    ]
    paths = [cpp_path(item.path) for item in plan.attachments if not early]
    blocks = [
        _cpp_map("annotations", join_annotations(plan.annotations)),
        _cpp_container("std::vector<std::string>", "arguments", spelled),
    ]
    last = ""
    if not early:
        blocks.append(_cpp_container("std::vector<base::FilePath>", "attachments", paths))
        last = ", attachments"
    call = (
        "// client.StartHandler(handler, database, metrics_dir, url, annotations, arguments,\n"
        f"//                     /*restartable=*/true, /*asynchronous_start=*/false{last});"
    )
    return "\n".join([HEADERS.rstrip(), *blocks, call])


def as_cpp_backtrace(plan: StartPlan) -> str:
    """The containers that StartHandlerForBacktrace takes, in Backtrace's builds of 2018 to 2021."""
    prefix = len("attachment_")
    options = [cpp_string(option) for option in plan.options]
    files = {sent_name(item, plan.kind)[prefix:]: item.path for item in plan.attachments}
    call = (
        "// client.StartHandlerForBacktrace(handler, database, metrics_dir, url, annotations,\n"
        "//                                 arguments, file_attachments, /*restartable=*/true,\n"
        "//                                 /*asynchronous_start=*/true);"
    )
    return "\n".join(
        [
            HEADERS.rstrip(),
            _cpp_map("annotations", join_annotations(plan.annotations)),
            _cpp_container("std::vector<std::string>", "arguments", options),
            _cpp_map("file_attachments", files),
            call,
        ]
    )


def as_toml(plan: StartPlan) -> str:
    """The settings `attachments` and `annotations` of a crashtool.toml."""
    lines = []
    if plan.attachments:
        lines += [
            "attachments = [",
            *(f"    {toml_string(item.text)}," for item in plan.attachments),
        ]
        lines += ["]", ""]
    lines.append("[annotations]")
    for key, value in join_annotations(plan.annotations).items():
        lines.append(f"{toml_string(key)} = {toml_string(value)}")
    return "\n".join(lines)


def as_cmake(plan: StartPlan) -> str:
    """Each argument in a variable of its own, and all of them in a list where a list can hold them.

    A CMake list cannot hold unbalanced brackets or a final backslash; then there is only the
    variable for each.
    """
    arguments = plan.arguments
    lines = [
        f"set(CRASHPAD_ARGUMENT_{index} {cmake_string(argument)})"
        for index, argument in enumerate(arguments)
    ]
    lines.append(f"set(CRASHPAD_ARGUMENT_COUNT {len(arguments)})")
    if all(fits_cmake_list(argument) for argument in arguments):
        elements = "".join(f"\n    {cmake_element(argument)}" for argument in arguments)
        lines.append(f"set(CRASHPAD_ARGUMENTS{elements})")
    else:
        lines.append(
            "# no CRASHPAD_ARGUMENTS: a CMake list cannot hold brackets or a final backslash"
        )
    return "\n".join(lines)


TEXTS: dict[str, Callable[[StartPlan], str]] = {
    "arguments": as_arguments,
    "shell": as_shell,
    "windows": as_windows,
    "cpp": as_cpp,
    "cpp-backtrace": as_cpp_backtrace,
    "toml": as_toml,
    "cmake": as_cmake,
}


def plan_document(plan: StartPlan, findings: tuple[AttributeFinding, ...]) -> dict[str, Any]:
    """The JSON document of annotate."""
    return {
        "handler": plan.kind,
        "valid": not any(finding.severity == "error" for finding in findings),
        "annotations": join_annotations(plan.annotations),
        "attachments": [
            {"name": item.name, "path": item.path, "sent_as": sent_name(item, plan.kind)}
            for item in plan.attachments
        ],
        "handler_options": {
            option.removeprefix("--"): find_handler_option(option).consequence
            for option in plan.options
        },
        "arguments": plan.arguments,
        "findings": [finding._asdict() for finding in findings],
    }


def finding_text(finding: AttributeFinding) -> str:
    """A finding on one line."""
    return f"{finding.rule}: {finding.subject[:MAX_SUBJECT]}: {finding.cause} {finding.consequence}"


def _cpp_map(name: str, pairs: dict[str, str]) -> str:
    items = [f"{{{cpp_string(key)}, {cpp_string(value)}}}" for key, value in pairs.items()]
    return _cpp_container("std::map<std::string, std::string>", name, items)


def _cpp_container(kind: str, name: str, items: list[str]) -> str:
    if not items:
        return f"{kind} {name};"
    return f"{kind} {name} = {{\n" + "".join(f"    {item},\n" for item in items) + "};"
