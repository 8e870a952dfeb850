"""Text of Breakpad .sym files, record by record."""

MODULE = "MODULE Linux x86_64 BBA6FA10B8AAB33D00000000000000000 libsample.so"


def build_symbol_file(*records, module=MODULE, newline="\n", ends=True):
    """The bytes of a file of these records, each a text of one or several lines."""
    lines = [line for record in (module, *records) for line in record.split("\n")]
    return (newline.join(lines) + (newline if ends else "")).encode()


def func(address, size, name="sample", *body, parameters=0, many_names=False):
    """A FUNC record and the records that belong to it."""
    head = f"FUNC {'m ' if many_names else ''}{address:x} {size:x} {parameters:x} {name}"
    return "\n".join((head, *body))


def line(address, size, number, file=0):
    return f"{address:x} {size:x} {number} {file}"


def inline(depth, call_line, call_file, origin, *ranges):
    """An INLINE record; one of the old form, without the call's file, when that is None."""
    numbers = [depth, call_line, *([] if call_file is None else [call_file]), origin]
    spans = [f"{start:x} {size:x}" for start, size in ranges]
    return " ".join(("INLINE", *map(str, numbers), *spans))


def public(address, name="exported", parameters=0, *, many_names=False):
    return f"PUBLIC {'m ' if many_names else ''}{address:x} {parameters:x} {name}"


def file(number, name):
    return f"FILE {number} {name}"


def origin(number, name):
    return f"INLINE_ORIGIN {number} {name}"


def cfi(start, size, rules, *deltas):
    """STACK CFI records: of each (address, rules) a record that changes the rules on the way."""
    rows = [f"STACK CFI INIT {start:x} {size:x} {rules}"]
    return "\n".join(rows + [f"STACK CFI {address:x} {more}" for address, more in deltas])


def win(kind, start, size, rest, *, parameters=0, flag=None):
    """A STACK WIN record; `rest` is a program for kind 4, else 0 or 1."""
    flag = (1 if kind == 4 else 0) if flag is None else flag
    return f"STACK WIN {kind:x} {start:x} {size:x} 1 2 {parameters:x} 4 5 6 {flag} {rest}"
