"""Annotations and attachments from files and from git."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from crashtool.errors import InputUnusable, UsageError, reason_of
from crashtool.formats.attributes import (
    Attachment,
    Attribute,
    is_absolute,
    parse_attachment,
    split_pair,
)
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.text_file import read_text_file
from crashtool.formats.toml import parse_toml
from crashtool.services.workers.child_environment import child_environment

GIT_SECONDS = 60


class AnnotationSource(NamedTuple):
    """What one place says."""

    annotations: tuple[Attribute, ...]
    attachments: tuple[Attachment, ...] = ()


def read_annotation_file(name: str) -> AnnotationSource:
    """The annotations and attachments in a .toml, .json or .env file.

    Tables may be the whole file or its `annotations`, beside a list `attachments`; tables within
    become keys with dots. Paths are relative to the file. InputUnusable says what is wrong.
    """
    path = Path(name)
    kind = path.suffix.lower() if path.suffix else path.name.lower()
    if kind not in (".toml", ".json", ".env"):
        raise UsageError(
            f"{name} is not a .toml, .json or .env file", hint="rename it or convert it"
        )
    text = read_text_file(path)
    if kind == ".env":
        return AnnotationSource(tuple(_parse_env(text, name)))
    table = parse_toml(text, name) if kind == ".toml" else _parse_json(text, name)
    return _read_table(table, path)


def read_git_annotations(folder: Path) -> AnnotationSource:
    """`commit`, `branch` (unless detached) and `dirty` of the git work tree that holds a folder.

    Untracked files do not make it dirty. InputUnusable outside a repository or before the first
    commit, UsageError without git.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD^{commit}").strip()
    branch = _git(folder, "rev-parse", "--abbrev-ref", "HEAD").strip()
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no").strip()
    attributes = [Attribute("commit", commit)]
    if branch != "HEAD":
        attributes.append(Attribute("branch", branch))
    return AnnotationSource((*attributes, Attribute("dirty", "true" if changes else "false")))


def join_sources(*sources: AnnotationSource) -> AnnotationSource:
    """All of them; a key or path in a later one replaces that of an earlier one.

    What one source gives twice stays twice, for the rules to find.
    """
    annotations: list[Attribute] = []
    attachments: list[Attachment] = []
    for source in sources:
        keys = {annotation.key for annotation in source.annotations}
        paths = {attachment.path for attachment in source.attachments}
        annotations = [attribute for attribute in annotations if attribute.key not in keys]
        attachments = [attachment for attachment in attachments if attachment.path not in paths]
        annotations += source.annotations
        attachments += source.attachments
    return AnnotationSource(tuple(annotations), tuple(attachments))


def mark_folders(attachments: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    """The attachments with `is_folder` set where a folder is found on this machine."""
    return tuple(
        item._replace(is_folder="\0" not in item.path and Path(item.path).is_dir())
        if item.path
        else item
        for item in attachments
    )


def _read_table(table: dict[str, Any], path: Path) -> AnnotationSource:
    """A table with `annotations` in it, or one whose every other key is an annotation."""
    listed = table.get("attachments", [])
    if not isinstance(listed, list):
        raise InputUnusable(f"{path}: attachments is not a list")
    annotations = table.get("annotations")
    if not isinstance(annotations, dict):
        annotations = {key: value for key, value in table.items() if key != "attachments"}
    return AnnotationSource(
        tuple(_flatten(annotations, "", path)),
        tuple(_read_attachment(item, path) for item in listed),
    )


def _read_attachment(item: Any, path: Path) -> Attachment:
    if isinstance(item, dict) and isinstance(item.get("path"), str):
        name = item.get("name")
        attachment = Attachment(name if isinstance(name, str) else None, item["path"])
    elif isinstance(item, str):
        attachment = parse_attachment(item)
    else:
        raise InputUnusable(f"{path}: an attachment is neither a path nor a table with a path")
    if is_absolute(attachment.path) or not attachment.path:
        return attachment
    return attachment._replace(path=str(path.parent / attachment.path))


def _flatten(table: dict[str, Any], prefix: str, path: Path) -> list[Attribute]:
    rows = []
    for key, value in table.items():
        if isinstance(value, dict):
            rows += _flatten(value, f"{prefix}{key}.", path)
        elif isinstance(value, list) or value is None:
            kind = "a list" if isinstance(value, list) else "null"
            raise InputUnusable(
                f"{path}: the annotation {prefix}{key} is {kind}",
                hint="an annotation has one value, a text",
            )
        else:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            rows.append(Attribute(prefix + key, text))
    return rows


def _parse_json(text: str, name: str) -> dict[str, Any]:
    def refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise InputUnusable(f"{name} gives {', '.join(sorted(twice))} more than once")
        return dict(pairs)

    try:
        table = json.loads(text, object_pairs_hook=refuse_twice)
    except (ValueError, RecursionError) as error:
        raise InputUnusable(f"{name} is not valid JSON: {error}") from None
    if not isinstance(table, dict):
        raise InputUnusable(f"{name} does not hold a JSON object")
    return table


def _parse_env(text: str, name: str) -> list[Attribute]:
    rows = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip().removeprefix("export ").strip()
        if not line or line.startswith("#"):
            continue
        try:
            key, value = split_pair(line)
        except UsageError:
            raise InputUnusable(f"{name}, line {number}: there is no '=' in it") from None
        rows.append(Attribute(key.strip(), _unquote(value.strip(), f"{name}, line {number}")))
    return rows


def _unquote(value: str, line: str) -> str:
    if value[:1] not in ("'", '"'):
        return value.partition(" #")[0].rstrip()
    quote, rest = value[0], value[1:]
    if quote == "'":
        text, closed, tail = rest.partition("'")
    else:
        text, closed, tail = _read_double_quoted(rest)
    if not closed or (tail.strip() and not tail.lstrip().startswith("#")):
        raise InputUnusable(f"{line}: the quotation marks do not match")
    return text


def _read_double_quoted(rest: str) -> tuple[str, str, str]:
    escapes = {"n": "\n", "r": "\r", "t": "\t"}
    text = ""
    escaped = False
    for index, sign in enumerate(rest):
        if escaped:
            text += escapes.get(sign, sign)
        elif sign == '"':
            return text, sign, rest[index + 1 :]
        elif sign != "\\":
            text += sign
        escaped = sign == "\\" and not escaped
    return text, "", ""


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            timeout=GIT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env=child_environment(),
        )
    except FileNotFoundError:
        raise UsageError("--git needs git, which is not installed") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputUnusable(f"git {arguments[0]} did not work: {reason_of(error)}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[:1]
        raise InputUnusable(
            f"git finds no commit at {folder}: {said[0] if said else 'no reason given'}",
            hint="run it inside a git work tree with at least one commit, or leave --git out",
        )
    return done.stdout.decode("utf-8", "surrogateescape")
