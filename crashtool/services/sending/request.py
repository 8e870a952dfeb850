"""The request for one minidump: what crashpad_handler would send, with the user's own on top."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from crashtool.errors import InputUnusable, UsageError
from crashtool.formats.attributes import Attachment, Attribute
from crashtool.formats.foreign_paths import base_name
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.multipart import (
    FILE_TYPE,
    FormField,
    FormFile,
    MultipartBody,
    make_boundary,
)
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.submission_url import redact_token
from crashtool.model.submission import (
    MINIDUMP_PART,
    Field,
    Fields,
    identify_by_url,
    override_fields,
    settle_fields,
    to_wire,
)
from crashtool.services.files.dump_files import STANDARD_INPUT
from crashtool.services.files.unwrap_dumps import DumpFile
from crashtool.services.sending.refusal import find_refusal
from crashtool.services.sending.upload_attachments import form_file, make_parts, safe_name
from crashtool.services.transport.balance import Balance
from crashtool.services.transport.http import Body
from crashtool.services.transport.upload_body import FileBody, GzipBody, HashedFile

SECRETS = ("password", "passwd", "secret", "token", "apikey", "api_key", "credential")
IDENTITY = (  # by what a report is told from others: a spelling of each kind is enough
    ("prod", frozenset({"prod", "product", "application"})),
    ("ver", frozenset({"ver", "version", "application.version"})),
)
EXAMPLES = {"prod": "NAME", "ver": "VERSION"}
LOGIN = ("token", "format")  # names that the server takes for the submission's own
SHOWN_THREADS = 8
FROM_FORM = "form"  # the source of fields that came with the dump in an upload's body


class SendPlan(NamedTuple):
    """How to send. `url` is checked; `faulting_thread` is a thread id.

    `login` are the fields without which a root-form URL is refused.
    """

    url: str
    annotations: tuple[Attribute, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    gzip: bool = True
    raw: bool = False
    sync: bool = False
    faulting_thread: int | None = None
    login: tuple[Attribute, ...] = ()


class Request(NamedTuple):
    """A request that can be sent again and again. `warnings` are for before it is sent.

    `plain` is the body before compression, the same one if there is none; `dump` is the minidump.
    """

    url: str
    headers: dict[str, str]
    plain: Body
    fields: Fields
    files: tuple[FormFile, ...]
    dump: HashedFile
    warnings: tuple[str, ...]

    @property
    def is_compressed(self) -> bool:
        """Whether the body goes through gzip."""
        return "Content-Encoding" in self.headers

    @property
    def body_size(self) -> int | None:
        """Bytes on the wire; None when they are not known beforehand."""
        return None if self.is_compressed else self.plain.size

    def wrap_body(self, body: Body, balance: Balance | None = None) -> Body:
        """`plain`, or a body around it, as it goes over the wire."""
        return GzipBody(body, balance) if self.is_compressed else body


def make_request(file: DumpFile, plan: SendPlan) -> Request:
    """The request for a minidump. InputUnusable when it is none, or an attachment cannot be read;
    UsageError when the plan cannot be meant.
    """
    with _open_dump(file) as dump:
        settled = _read_fields(dump)
        settled = override_fields(settled, [Field(*pair, FROM_FORM) for pair in file.fields])
        warnings = _warn_of_dump(dump, settled, plan)
        name = _name_dump(dump, file)
    hashed = HashedFile(form_file(MINIDUMP_PART, name, file.file))
    own = [Field(*pair, "--annotation") for pair in plan.annotations]
    fields = override_fields(settled, [*own, *(Field(*pair, "--token") for pair in plan.login)])
    if settled.sent:
        warnings += _warn_of_identity(fields.sent)
    warnings += _warn_of_fields(fields.sent)
    if plan.raw:
        return _make_raw(plan, fields, hashed, warnings)
    attachments = make_parts(plan.attachments, warnings)
    replaced = tuple(field for field in fields.sent if field.name in attachments)
    warnings += [
        f"the attachment {field.name} takes the place of the annotation" for field in replaced
    ]
    sent = tuple(field for field in fields.sent if field.name not in attachments)
    parts = sorted([*attachments.values(), hashed.form_file], key=lambda part: part.name)
    form = [FormField(to_wire(field.name), to_wire(field.value)) for field in sent]
    body = MultipartBody(form, parts, make_boundary())
    return Request(
        _add_modifiers(identify_by_url(plan.url, fields.sent), plan),
        _make_headers(body.content_type, plan),
        body,
        Fields(sent, (*fields.dropped, *replaced)),
        tuple(parts),
        hashed,
        tuple(warnings),
    )


def _open_dump(file: DumpFile) -> Minidump:
    try:
        return Minidump.open(file.file)
    except InputUnusable as error:
        error.what = error.what.replace(str(file.file), file.path)
        error.args = (error.what,)
        raise


def _read_fields(dump: Minidump) -> Fields:
    """The dump's own fields. The handler also sends none for a dump that its reader refuses; here
    what can be read goes along.
    """
    if dump.crashpad is None and find_refusal(dump):
        return Fields((), ())
    return settle_fields(dump.crashpad)


def _name_dump(dump: Minidump, file: DumpFile) -> str:
    """`<report id>.dmp`, as the handler names it; else by the name of the file."""
    if dump.crashpad is not None and dump.crashpad.report_id.int:
        return f"{dump.crashpad.report_id}.dmp"
    shown = "" if file.path == STANDARD_INPUT else file.path
    own = base_name(shown).rpartition(":")[2]
    stem, _, suffix = own.rpartition(".")
    return f"{safe_name(stem or suffix) or 'minidump'}.dmp"


def _make_raw(plan: SendPlan, fields: Fields, dump: HashedFile, warnings: list[str]) -> Request:
    """The minidump alone: what the user added goes into the URL, the dump's own stays in it."""
    if plan.attachments:
        raise UsageError("--raw sends nothing but the minidump; leave --attachment out")
    url = _add_modifiers(identify_by_url(plan.url, fields.sent), plan)
    for key, value in (*plan.annotations, *plan.login):
        url = _add_parameter(url, key, value)
    return Request(
        url,
        _make_headers(FILE_TYPE, plan),
        FileBody(dump.form_file),
        Fields((), (*fields.dropped, *fields.sent)),
        (dump.form_file,),
        dump,
        tuple(warnings),
    )


def _make_headers(content_type: str, plan: SendPlan) -> dict[str, str]:
    encoding = {"Content-Encoding": "gzip"} if plan.gzip else {}
    return {"Content-Type": content_type} | encoding


def _add_modifiers(url: str, plan: SendPlan) -> str:
    """Backtrace's processing modifiers, which travel as attributes."""
    if plan.sync:
        url = _add_parameter(url, "_mod_sync", "1")
    if plan.faulting_thread is not None:
        url = _add_parameter(url, "_mod_faulting_tid", str(plan.faulting_thread))
    return url


def _add_parameter(url: str, name: str, value: str) -> str:
    pair = f"{quote(to_wire(name), safe='')}={quote(to_wire(value), safe='')}"
    return f"{url}{'&' if '?' in url else '?'}{pair}"


def _warn_of_dump(dump: Minidump, fields: Fields, plan: SendPlan) -> list[str]:
    warnings = []
    if dump.exception is None and plan.faulting_thread is None:
        warnings.append(
            "no exception in this dump: Backtrace groups it under 000…; "
            "--faulting-thread TID names the thread that crashed"
        )
    thread_ids = [thread.id for thread in dump.threads]
    if dump.problems:
        warnings.append(f"this dump is damaged: {dump.problems[0].sentence}")
    if plan.faulting_thread is not None and thread_ids and plan.faulting_thread not in thread_ids:
        listed = ", ".join(map(str, thread_ids[:SHOWN_THREADS]))
        more = "…" if len(thread_ids) > SHOWN_THREADS else ""
        raise UsageError(
            f"the dump has no thread {plan.faulting_thread}", hint=f"its threads: {listed}{more}"
        )
    if dump.crashpad is None and not any(field.source == FROM_FORM for field in fields.sent):
        warnings.append(
            "no Crashpad annotations in this dump; --annotation prod=… and ver=… identify it"
        )
    elif dump.crashpad and (refusal := find_refusal(dump)):
        warnings.append(
            f"crashpad_handler would send this dump without any annotation, because {refusal}; "
            f"sent here: {len(fields.sent)}"
        )
    if dump.problems:
        warnings.append(f"the dump is damaged ({dump.problems[0].sentence}); see crashtool inspect")
    return warnings


def _warn_of_identity(fields: Sequence[Field]) -> list[str]:
    names = {field.name for field in fields}
    missing = [wanted for wanted, spellings in IDENTITY if not names & spellings]
    if not missing:
        return []
    what = " and ".join(f"no `{name}`" for name in missing)
    options = " ".join(f"--annotation {name}={EXAMPLES[name]}" for name in missing)
    return [f"{what} annotation: the server cannot tell programs and versions apart; add {options}"]


def _warn_of_fields(fields: Sequence[Field]) -> list[str]:
    warnings = []
    for name, value, source in fields:
        if source == "--token":
            continue
        if name in LOGIN:
            warnings.append(
                f"the annotation {name} can take the place of the URL's own {name}"
                + (", and it puts a token into every dump" if name == "token" else "")
            )
        elif value and any(word in name.lower() for word in SECRETS):
            warnings.append(
                f"the annotation {name} looks like a secret: it is sent and stored in clear"
            )
        elif redact_token(value) != value:
            warnings.append(f"the annotation {name} holds what looks like a token or password")
    return warnings
