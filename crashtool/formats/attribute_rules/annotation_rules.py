"""Rules about annotations: keys, values and limits."""

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
from crashtool.formats.attributes import join_annotations

# client/simple_string_dictionary.h: TSimpleStringDictionary<256, 256, 64>, each with a NUL
DICTIONARY_KEY, DICTIONARY_VALUE, DICTIONARY_ENTRIES = 255, 255, 64
# client/annotation.h; snapshot/snapshot_constants.h (200 before March 2024)
OBJECT_NAME, OBJECT_VALUE, OBJECTS = 256, 20480, 400
OVERWRITTEN = {
    "guid": "the handler puts the client id in its place",
    "list_annotations": "the handler puts its own list in its place",
    "upload_file_minidump": "the handler drops it, because the minidump is sent under this name",
}
TRANSPORT = ("upload_file", "object", "attachment_name", "universe", "project", "tag")
SECRETS = ("password", "passwd", "secret", "apikey", "privatekey", "accesskey", "credential")


def empty_key(plan: StartPlan) -> Iterator[AttributeFault]:
    """A key."""
    for key, value in plan.annotations:
        if not key:
            yield AttributeFault(
                ERROR,
                f"={value[:20]}",
                "The key is empty.",
                "No attribute can be named so."
                if plan.text_form == INTO
                else "crashpad_handler says `--annotation requires KEY=VALUE` and exits: no crash "
                "is handled at all.",
            )


def equals_in_key(plan: StartPlan) -> Iterator[AttributeFault]:
    """No `=` in a key."""
    for key, _ in plan.annotations:
        if "=" in key:
            yield AttributeFault(
                ERROR,
                key,
                "There is a `=` in the key.",
                f"crashpad_handler splits at the first `=`: the key becomes "
                f"`{key.partition('=')[0]}` and the rest a part of the value.",
            )


def nul(plan: StartPlan) -> Iterator[AttributeFault]:
    """No NUL: it ends an argument."""
    texts = [(key, key + value) for key, value in plan.annotations]
    texts += [(item.text, item.text) for item in plan.attachments]
    for subject, text in texts:
        if "\0" in text:
            yield AttributeFault(
                ERROR,
                subject,
                "There is a NUL character in it.",
                "Readers of minidumps end the text there."
                if plan.text_form == INTO
                else "It ends the argument: everything after it is lost.",
            )


def not_unicode(plan: StartPlan) -> Iterator[AttributeFault]:
    """Text, not bytes in no known encoding."""
    texts = [(key, key + value) for key, value in plan.annotations]
    texts += [(item.text, item.text) for item in plan.attachments]
    for subject, text in texts:
        if any("\ud800" <= character <= "\udfff" for character in text):
            yield AttributeFault(
                ERROR,
                subject,
                "There are bytes in it that are not UTF-8.",
                "Windows cannot carry them, and nothing but a shell could be given them here.",
            )


def duplicate_key(plan: StartPlan) -> Iterator[AttributeFault]:
    """Each key once."""
    keys = [key for key, _ in plan.annotations]
    for key in dict.fromkeys(keys):
        if keys.count(key) > 1:
            kept = join_annotations(plan.annotations)[key]
            yield AttributeFault(
                WARNING,
                key,
                f"The key is given {keys.count(key)} times.",
                f"Only the last value counts: `{kept[:40]}`.",
            )


def twin_keys(plan: StartPlan) -> Iterator[AttributeFault]:
    """No two keys that differ only in case."""
    spellings: dict[str, list[str]] = {}
    for key in join_annotations(plan.annotations):
        spellings.setdefault(key.casefold(), []).append(key)
    for keys in spellings.values():
        if len(keys) > 1:
            yield AttributeFault(
                WARNING,
                keys[0],
                f"The keys {', '.join(keys)} differ only in case.",
                "Backtrace takes them for different attributes.",
            )


def reserved_key(plan: StartPlan) -> Iterator[AttributeFault]:
    """No key that the handler or the server has a meaning of its own for."""
    for key in join_annotations(plan.annotations):
        if key in OVERWRITTEN:
            yield AttributeFault(
                ERROR, key, "The key is Crashpad's own.", f"The value is lost: {OVERWRITTEN[key]}."
            )
        elif key in TRANSPORT or key.startswith("attachment_"):
            yield AttributeFault(
                WARNING,
                key,
                "The key is a word of the submission itself.",
                "The server may take it for an instruction instead of an attribute.",
            )
        elif key.startswith("_"):
            yield AttributeFault(
                WARNING,
                key,
                "Keys with a leading `_` are the server's own.",
                "It may overwrite the value or, as with _mod_sync, take it for an instruction.",
            )
        elif key == "run-uuid" and plan.kind.startswith("backtrace"):
            yield AttributeFault(
                WARNING,
                key,
                "Backtrace's crash loop detection uses this key.",
                "The handler reads the value as a UUID.",
            )


def token_in_annotation(plan: StartPlan) -> Iterator[AttributeFault]:
    """`token` and `format` only for the host root form of the URL."""
    joined = join_annotations(plan.annotations)
    if "token" in joined:
        yield AttributeFault(
            WARNING,
            "token",
            "The submission token is an annotation.",
            "It is then in every minidump. Only a URL that ends at the host needs it; "
            "crashtool make-url makes one that does not.",
        )
    if joined.get("format", "minidump") != "minidump":
        yield AttributeFault(
            ERROR,
            "format",
            f"The format is `{joined['format'][:40]}`.",
            "crashpad_handler sends minidumps; taken for another format they fail.",
        )


def product_spelling(plan: StartPlan) -> Iterator[AttributeFault]:
    """`prod` and `ver`, spelled so, tell the handler what to put into the URL."""
    keys = join_annotations(plan.annotations)
    for short, long in (("prod", "product"), ("ver", "version")):
        near = [key for key in keys if key != short and key.lower() == short]
        if short not in keys and long in keys:
            near.append(long)
        for key in near:
            yield AttributeFault(
                WARNING,
                key,
                f"This is not `{short}`.",
                f"The handler puts {long}=... into the URL only for the key `{short}`, in lower "
                f"case; `{key}` arrives as an attribute like any other.",
            )
        if long in keys and keys.get(short, keys[long]) != keys[long]:
            yield AttributeFault(
                WARNING,
                long,
                f"`{short}` and `{long}` have different values.",
                f"The handler sends `{short}` as {long}=... in the URL, so the server gets two "
                f"values for `{long}`.",
            )


def strange_key(plan: StartPlan) -> Iterator[AttributeFault]:
    """No blank around and no control character or quotation mark in a key."""
    for key in join_annotations(plan.annotations):
        if key and key != key.strip():
            yield AttributeFault(
                WARNING,
                key,
                "There are blanks around the key.",
                "They are kept: it is another attribute than the key without them.",
            )
        elif any(not character.isprintable() or character in '"%' for character in key):
            yield AttributeFault(
                WARNING,
                key,
                'There is a control character, `"` or `%` in the key.',
                "The upload writes it as %0a, %22 and the like, and the attribute is named so.",
            )


def dictionary_limits(plan: StartPlan) -> Iterator[AttributeFault]:
    """Short enough for a SimpleStringDictionary, for those who set it while the program runs."""
    joined = join_annotations(plan.annotations)
    for key, value in joined.items():
        for what, text, limit in (
            ("key", key, DICTIONARY_KEY),
            ("value", value, DICTIONARY_VALUE),
        ):
            if (size := size_of(text)) > limit:
                yield AttributeFault(
                    WARNING,
                    key,
                    f"The {what} has {size} bytes.",
                    "As StartHandler's annotation it arrives whole; set while the program runs, a "
                    f"SimpleStringDictionary cuts it to {limit}.",
                )
    if len(joined) > DICTIONARY_ENTRIES:
        yield AttributeFault(
            WARNING,
            f"{len(joined)} annotations",
            "These are many.",
            "StartHandler takes them all; a SimpleStringDictionary silently drops what comes after "
            f"the {DICTIONARY_ENTRIES}th.",
        )


def object_limits(plan: StartPlan) -> Iterator[AttributeFault]:
    """Short enough for an annotation object, for those who set it while the program runs."""
    joined = join_annotations(plan.annotations)
    for key, value in joined.items():
        if (size := size_of(key)) > OBJECT_NAME:
            yield AttributeFault(
                WARNING,
                key,
                f"The key has {size} bytes.",
                "As StartHandler's annotation it arrives whole; an annotation object "
                f"(StringAnnotation) with a name over {OBJECT_NAME} is left out.",
            )
        if (size := size_of(value)) > OBJECT_VALUE:
            yield AttributeFault(
                WARNING,
                key,
                f"The value has {size} bytes.",
                "As StartHandler's annotation it arrives whole; an annotation object "
                f"(StringAnnotation) is cut to {OBJECT_VALUE}.",
            )
    if len(joined) > OBJECTS:
        yield AttributeFault(
            WARNING,
            f"{len(joined)} annotations",
            "These are very many.",
            f"StartHandler takes them all; of annotation objects, {OBJECTS} a module are read "
            "(200 before March 2024).",
        )


def likely_secret(plan: StartPlan) -> Iterator[AttributeFault]:
    """No secrets: annotations are stored in the minidump and on the server as they are."""
    for key in join_annotations(plan.annotations):
        plain = key.lower().replace("_", "").replace("-", "").replace(".", "")
        if any(word in plain for word in SECRETS):
            yield AttributeFault(
                WARNING,
                key,
                "The value looks like a secret.",
                "Annotations are readable in every minidump, on the command line of the handler, "
                "and on the server.",
            )
