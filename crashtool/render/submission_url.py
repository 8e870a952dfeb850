"""A submission URL as text for C++, CMake and the environment, as a document, and in words."""

from __future__ import annotations

from typing import Any

from crashtool.formats.shell_words import quote_posix
from crashtool.formats.submission_url import (
    FORMATS,
    SubmissionUrl,
    UrlFinding,
    redact_token,
    token_kind,
)
from crashtool.render.literals import cmake_string, cpp_string


def as_url(text: str, url: SubmissionUrl | None) -> str:  # noqa: ARG001 (a row of TEXTS)
    """The URL alone."""
    return text


def as_cpp(text: str, url: SubmissionUrl | None) -> str:
    """The `url` that StartHandler takes, and the annotations that the root form needs."""
    lines = [f"std::string url({cpp_string(text)});"]
    for key, value in (url.annotations if url else {}).items():
        lines.append(f"annotations[{cpp_string(key)}] = {cpp_string(value)};")
    return "\n".join(lines)


def as_cmake(text: str, url: SubmissionUrl | None) -> str:
    """Variables for a CMakeLists.txt or a toolchain file."""
    lines = [f"set(CRASHPAD_URL {cmake_string(text)})"]
    for key, value in (url.annotations if url else {}).items():
        lines.append(f"set(CRASHPAD_ANNOTATION_{key.upper()} {cmake_string(value)})")
    return "\n".join(lines)


def as_env(text: str, url: SubmissionUrl | None) -> str:
    """The variable that crashtool reads, for a shell or a .env file."""
    symbols = url is not None and token_kind(url.format) == "symbol"
    lines = [f"CRASHTOOL_{'SYMBOLS_' if symbols else ''}URL={quote_posix(text)}"]
    if url is not None and url.annotations.get("token"):
        lines.append(f"CRASHTOOL_TOKEN={quote_posix(url.token)}")
    return "\n".join(lines)


TEXTS = {"url": as_url, "cpp": as_cpp, "cmake": as_cmake, "env": as_env}


def format_url(url: SubmissionUrl) -> list[str]:
    """What a URL says, as sentences without a whole token."""
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    said = [f"{url.form} form", f"host {url.host}, port {port}, {_secured(url.scheme)}"]
    if url.universe:
        said.append(f"universe {url.universe}")
    if url.token:
        said.append(f"token {redact_token(url.token)}")
    if url.attributes:
        said.append("attributes " + ", ".join(name for name, _ in url.attributes))
    lines = ["; ".join(said)]
    if url.format in FORMATS:
        url_format = FORMATS[url.format]
        lines.append(f"takes {url_format.meaning}; needs a {url_format.token} token")
    return lines


def format_annotations(url: SubmissionUrl) -> list[str]:
    """What must be set besides the URL in the root form; the token is not shown whole."""
    if not url.annotations:
        return []
    shown = {
        key: redact_token(value) or "(your submission token)"
        for key, value in url.annotations.items()
    }
    return [
        "with this URL, StartHandler's annotations must hold:",
        *(f"  {key}={value}" for key, value in shown.items()),
    ]


def url_document(
    text: str, url: SubmissionUrl | None, findings: tuple[UrlFinding, ...], corrected: str
) -> dict[str, Any]:
    """The JSON document of make-url; URLs in it hold their tokens."""
    document: dict[str, Any] = {
        "url": text,
        "valid": not any(finding.severity == "error" for finding in findings),
        "corrected": corrected,
        "findings": [finding._asdict() for finding in findings],
    }
    if url is not None:
        document |= {
            "form": url.form,
            "scheme": url.scheme,
            "host": url.host,
            "port": url.port or {"http": 80, "https": 443}[url.scheme],
            "universe": url.universe or None,
            "format": url.format or None,
            "token_kind": token_kind(url.format),
            "attributes": dict(url.attributes),
            "annotations": url.annotations,
        }
    return document


def finding_text(finding: UrlFinding) -> str:
    """A finding on one line."""
    return f"{finding.rule}: {finding.cause} {finding.consequence}"


def finding_hint(finding: UrlFinding) -> str | None:
    """The corrected URL, if there is one; tokens are not shown whole."""
    return finding.corrected and f"corrected: {redact_token(finding.corrected)}"


def _secured(scheme: str) -> str:
    return "TLS" if scheme == "https" else "not encrypted"
