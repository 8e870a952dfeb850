"""The header and the source that start the handler, in C++ for Windows, macOS and Linux."""

from __future__ import annotations

from textwrap import fill, indent

from crashtool.formats.attributes import Attachment, is_absolute, join_annotations
from crashtool.formats.crashpad.arguments import attachment_argument
from crashtool.formats.crashpad.client.releases import DEFAULTED, Release
from crashtool.model.integration import Integration
from crashtool.render.integration.template import fill_template
from crashtool.render.literals import cpp_macro_string, cpp_path, cpp_string

HEADER_NAME, SOURCE_NAME = "crash_reporting.h", "crash_reporting.cpp"

ATTACHMENTS_OPTION = """\
  // Files to attach in addition to those of the source file: whole paths, UTF-8. They are read
  // when the crash happens, and need not be there before.
  std::vector<std::string> attachments;
"""
PROBE_INCLUDE = """\
#if defined(__linux__)
#include "util/linux/exception_handler_client.h"
#endif
"""
PROBE = """
#if defined(__linux__)
// StartHandler() returns true on Linux whatever becomes of the handler: ask it for its process.
bool IsHandlerAlive() {
  int connection = -1;
  pid_t process = 0;
  if (!crashpad::CrashpadClient::GetHandlerSocket(&connection, &process))
    return false;
  const timeval five_seconds = {5, 0};
  const timeval for_ever = {0, 0};
  ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &five_seconds, sizeof five_seconds);
  crashpad::ExceptionHandlerClient handler(connection, true);
  ucred credentials;
  const bool is_alive = handler.GetHandlerCredentials(&credentials);
  ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &for_ever, sizeof for_ever);
  return is_alive;
}
#endif
"""
ALIVE = """\
#elif defined(__linux__)
  if (!IsHandlerAlive()) {
    return Fail("the handler " + ToUtf8(handler) +
                " ended at its start, or is not of the Crashpad that this program is linked with");
  }
"""
WER = """\
  // Reports what Windows ends without asking, such as a stack cookie that was overwritten. Works
  // when the installer has written a DWORD value named by the DLL's path under
  // HKLM\\Software\\Microsoft\\Windows\\Windows Error Reporting\\RuntimeExceptionHelperModules.
  const base::FilePath wer_module = folder.Append(FILE_PATH_LITERAL("crashpad_wer.dll"));
  if (::GetFileAttributesW(wer_module.value().c_str()) != INVALID_FILE_ATTRIBUTES)
    client->RegisterWerModule(wer_module.value());
"""
TO_PATH = """\
#if defined(_WIN32)
base::FilePath ToPath(const std::string& text) {
  const int length = static_cast<int>(text.size());
  const int size = ::MultiByteToWideChar(CP_UTF8, 0, text.data(), length, nullptr, 0);
  std::wstring wide(static_cast<size_t>(size), L'\\0');
  if (size > 0)
    ::MultiByteToWideChar(CP_UTF8, 0, text.data(), length, &wide[0], size);
  return base::FilePath(wide);
}
#else
base::FilePath ToPath(const std::string& text) {
  return base::FilePath(text);
}
#endif
"""
ARGUMENTS = {
    "handler": "handler",
    "database": "database",
    "metrics_dir": "/*metrics_dir=*/base::FilePath()",
    "url": "url",
    "http_proxy": "/*http_proxy=*/std::string()",
    "annotations": "annotations",
    "arguments": "arguments",
    "restartable": "/*restartable=*/true",
    "asynchronous_start": "asynchronous_start",
    "attachments": "attachments",
}
"""What is passed for StartHandler's parameters; others keep their defaults."""

COLUMNS = 96


def header_text(integration: Integration) -> str:
    """crash_reporting.h."""
    release = integration.release
    options = ATTACHMENTS_OPTION if release.takes_attachments else ""
    return fill_template(HEADER_NAME, {"TITLE": release.title, "OPTIONS": options})


def source_text(integration: Integration) -> str:
    """crash_reporting.cpp."""
    release = integration.release
    annotations = join_annotations(integration.plan.annotations)
    pairs = [f"    {{{cpp_string(key)}, {cpp_string(text)}}}," for key, text in annotations.items()]
    values = {
        "TITLE": release.title,
        "URL": cpp_macro_string(integration.url),
        "NAME": cpp_path(integration.folder_name)[len("base::FilePath(FILE_PATH_LITERAL(") : -2],
        "ANNOTATIONS": "\n" + "\n".join(pairs) + "\n  " if pairs else "",
        "PROBE_INCLUDE": PROBE_INCLUDE if release.linux_probe else "",
        "PROBE": PROBE if release.linux_probe else "",
        "ALIVE": ALIVE if release.linux_probe else "",
        "WER": WER if release.wer_module else "",
        "ATTACHMENTS": _attachment_function(integration),
        "COLLECT": _attachment_use(release),
        "CALL": _call(release),
    }
    return fill_template(SOURCE_NAME, values)


def _call(release: Release) -> str:
    """The arguments of StartHandler, broken into lines."""
    passed = [
        ARGUMENTS[name]
        for name in release.parameters
        if name in ARGUMENTS
        and not (name == "attachments" and release.names_attachments)
        and (name not in DEFAULTED or name == "attachments")
    ]
    return indent(fill(", ".join(passed), COLUMNS - 10, break_long_words=False), " " * 10)


def _attachment_function(integration: Integration) -> str:
    release = integration.release
    if not release.takes_attachments:
        return ""
    attachments = integration.plan.attachments
    folder = any(not is_absolute(item.path) for item in attachments)
    parameters = "const Options& options, const base::FilePath& " + (
        "folder" if folder else "/*folder*/"
    )
    early = release.names_attachments
    if early:
        head = [
            "// Handlers of 2018 to 2021 take attachments by these arguments alone.",
            "void AddAttachments(",
            f"    {parameters}, std::vector<std::string>* arguments) {{",
        ]
    else:
        head = [
            f"std::vector<base::FilePath> Attachments({parameters}) {{",
            "  std::vector<base::FilePath> attachments;",
        ]
    lines = [*head, *(line for item in attachments for line in _attach(item, integration))]
    lines.append("  for (const std::string& path : options.attachments)")
    if early:
        lines.append('    arguments->push_back("--attachment=attachment_" +')
        lines.append(" " * 25 + 'ToUtf8(ToPath(path).BaseName()) + "=" + path);')
    else:
        lines += ["    attachments.push_back(ToPath(path));", "  return attachments;"]
    body = TO_PATH + "\n" + "\n".join([*lines, "}"]) + "\n"
    if release.mac_attachments:
        return "\n" + body
    return f"\n#if !defined(__APPLE__)\n{body}#endif\n"


def _attach(item: Attachment, integration: Integration) -> list[str]:
    """The statement that attaches one file; of a whole path only where such paths are."""
    path = cpp_path(item.path)
    whole = is_absolute(item.path)
    if not whole:
        path = f"folder.Append({path})"
    if integration.release.names_attachments:
        prefix = attachment_argument(item, integration.plan.kind)[: -len(item.path)]
        line = f"  arguments->push_back({cpp_string(prefix)} +\n{' ' * 23}ToUtf8({path}));"
    else:
        line = f"  attachments.push_back({path});"
    if not whole:
        return [line]
    on_windows = not item.path.startswith("/")
    return [f"#if {'' if on_windows else '!'}defined(_WIN32)", line, "#endif"]


def _attachment_use(release: Release) -> str:
    """Where Start() collects the attachments."""
    if not release.takes_attachments:
        return ""
    if release.names_attachments:
        return "  AddAttachments(options, folder, &arguments);\n"
    collected = "  const std::vector<base::FilePath> attachments = Attachments(options, folder);\n"
    if release.mac_attachments:
        return collected
    return (
        "#if defined(__APPLE__)\n"
        "  const std::vector<base::FilePath> attachments;  // this Crashpad takes none on macOS\n"
        f"#else\n{collected}#endif\n"
    )
