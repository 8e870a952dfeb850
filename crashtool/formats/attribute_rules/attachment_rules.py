"""Rules about attachments and about the whole command line."""

from __future__ import annotations

from collections.abc import Iterator

from crashtool.formats.attribute_rules.start_plan import (
    ERROR,
    INTO,
    WARNING,
    AttributeFault,
    StartPlan,
    size_of,
)
from crashtool.formats.attributes import is_absolute, join_annotations
from crashtool.formats.crashpad.arguments import (
    MAX_ARGUMENT,
    MAX_COMMAND_LINE,
    sent_name,
    windows_command_line,
)

# client/crash_report_database.cc, AttachmentNameIsOK
NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


def attachment_path(plan: StartPlan) -> Iterator[AttributeFault]:
    """An absolute path, of a file."""
    for item in plan.attachments:
        if not item.path:
            yield AttributeFault(
                ERROR, item.text, "The attachment has no path.", "There is no file to attach."
            )
        elif item.is_folder or not item.base_name:
            yield AttributeFault(
                ERROR,
                item.text,
                "This is a folder, not a file.",
                "What arrives is an empty attachment with the folder's name.",
            )
        elif not is_absolute(item.path):
            yield AttributeFault(
                WARNING,
                item.text,
                "The path is relative.",
                "The handler looks for the file at crash time, in the folder it was started in.",
            )


def attachment_name(plan: StartPlan) -> Iterator[AttributeFault]:
    """A name of letters, digits, `_`, `.` and `-`."""
    for item in plan.attachments:
        name = sent_name(item, plan.kind)
        if item.name == "" and plan.handler.names_attachments:
            yield AttributeFault(ERROR, item.text, "The name is empty.", "The attachment is lost.")
        elif not NAME_CHARACTERS.issuperset(name):
            strange = "".join(dict.fromkeys(sign for sign in name if sign not in NAME_CHARACTERS))
            renames = plan.handler.renames_attachments
            yield AttributeFault(
                WARNING if renames else ERROR,
                item.text,
                f"The name has characters outside [A-Za-z0-9_.-]: `{strange}`.",
                "Sentry's handler writes `_` for each byte of them."
                if renames
                else "The handler skips the attachment, with no more than a line in its log.",
            )


def attachment_same_name(plan: StartPlan) -> Iterator[AttributeFault]:
    """Different names."""
    seen: dict[str, str] = {}
    for item in plan.attachments:
        name = sent_name(item, plan.kind)
        first = seen.get(name.casefold())
        if first is None or not name:
            seen[name.casefold()] = name
        elif first != name:
            yield AttributeFault(
                WARNING,
                item.text,
                f"`{name}` and `{first}` differ only in case.",
                "On Windows and macOS they are one name, and the second attachment is lost.",
            )
        elif plan.handler.renames_attachments:
            yield AttributeFault(
                WARNING,
                item.text,
                f"Another attachment is called `{name}`, too.",
                "Sentry's handler numbers them: log.txt, log-1.txt.",
            )
        else:
            lost = "first" if plan.handler.names_attachments else "second"
            yield AttributeFault(
                ERROR,
                item.text,
                f"Another attachment is called `{name}`, too.",
                f"The {lost} of them is lost.",
            )


def attachment_named_like_field(plan: StartPlan) -> Iterator[AttributeFault]:
    """No attachment with the name of an annotation or of the minidump."""
    keys = join_annotations(plan.annotations)
    for item in plan.attachments:
        name = sent_name(item, plan.kind)
        if name == "upload_file_minidump":
            yield AttributeFault(
                ERROR, item.text, "The minidump is sent under this name.", "The attachment is lost."
            )
        elif name in keys:
            yield AttributeFault(
                ERROR,
                item.text,
                f"There is an annotation called `{name}`, too.",
                "The file takes the place of the annotation in the upload.",
            )


def attachment_name_unused(plan: StartPlan) -> Iterator[AttributeFault]:
    """A name only for a handler that can use it."""
    for item in plan.attachments:
        if item.name is None:
            continue
        if plan.handler.names_attachments:
            if item.name.startswith("attachment_"):
                yield AttributeFault(
                    WARNING,
                    item.text,
                    "The name begins with `attachment_`.",
                    "crashtool puts this prefix before it, as the server expects: it comes twice.",
                )
        elif item.name != item.base_name:
            yield AttributeFault(
                WARNING,
                item.text,
                f"The name `{item.name}` cannot be given to this handler.",
                f"{plan.handler.meaning} sends a file under its own name, `{item.base_name}`; "
                "rename the file, or leave the name out.",
            )


def line_feed_in_argument(plan: StartPlan) -> Iterator[AttributeFault]:
    """Nothing with line feeds where each line is one argument."""
    if plan.text_form != "arguments":
        return
    for argument in plan.arguments:
        if "\n" in argument or "\r" in argument:
            yield AttributeFault(
                ERROR,
                argument.partition("=")[2].partition("=")[0],
                "There is a line feed in it, and --as arguments prints one argument a line.",
                "Whoever reads the lines takes it for two arguments; --as shell, windows, cpp or "
                "json can carry it.",
            )


def command_line_length(plan: StartPlan) -> Iterator[AttributeFault]:
    """A command line that the system takes."""
    if plan.text_form == INTO:
        return
    arguments = plan.arguments
    length = len(windows_command_line(arguments).encode("utf-16-le", "surrogatepass")) // 2
    if length > MAX_COMMAND_LINE:
        windows = plan.text_form in ("windows", "cpp-backtrace")
        yield AttributeFault(
            ERROR if windows else WARNING,
            f"{length} characters",
            f"The command line is longer than the {MAX_COMMAND_LINE} characters Windows takes.",
            "The handler does not start there: no crash is handled at all.",
        )
    for argument in arguments:
        if (size := size_of(argument)) > MAX_ARGUMENT:
            yield AttributeFault(
                WARNING,
                argument[:40],
                f"One argument has {size} bytes.",
                f"Linux takes {MAX_ARGUMENT}: the handler does not start there, and no crash is "
                "handled at all.",
            )
