"""Run by gdb on a core: the variables of each frame, as one line of JSON.

A row a frame: its pc, whether it was merged into its caller, and of each variable the name and the
numbers in it, in the order of its members, with null for what gdb has no value of.
"""

import json

import gdb

MAX_ELEMENTS = 20
DEEPEST = 14
MAX_FRAMES = 60


def flatten(value, numbers, depth=0):
    try:
        value.fetch_lazy()
        if value.is_optimized_out:
            numbers.append(None)
            return
        kind = value.type.strip_typedefs()
        if kind.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
            flatten_members(value, kind, numbers, depth)
        elif kind.code == gdb.TYPE_CODE_ARRAY:
            low, high = kind.range()
            for number in range(low, min(high, low + MAX_ELEMENTS - 1) + 1):
                flatten(value[number], numbers, depth + 1)
        elif kind.code == gdb.TYPE_CODE_FLT:
            numbers.append(float(value))
        elif kind.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
            numbers.append(int(value.referenced_value().address))
        elif kind.code == gdb.TYPE_CODE_MEMBERPTR or kind.sizeof > 8:
            numbers.append(None)  # gdb's Python has no number for these
        else:
            numbers.append(int(value))
    except gdb.error:
        numbers.append(None)


def flatten_members(value, kind, numbers, depth):
    if depth > DEEPEST:
        return
    for field in kind.fields():
        if not hasattr(field, "bitpos"):
            if field.is_base_class:
                numbers.append("virtual")
            continue
        flatten(value[field], numbers, depth + 1)


def list_variables(frame):
    rows = []
    block = frame.block()
    while block is not None and not block.is_global and not block.is_static:
        for symbol in block:
            if not symbol.is_argument and not symbol.is_variable:
                continue
            numbers = []
            try:
                flatten(symbol.value(frame) if symbol.needs_frame else symbol.value(), numbers)
            except gdb.error:
                numbers = [None]
            rows.append((symbol.name, numbers))
        if block.function is not None:
            break
        block = block.superblock
    return rows


def list_frames():
    frame = gdb.newest_frame()
    while frame is not None and len(ROWS) < MAX_FRAMES:
        try:
            variables = list_variables(frame)
        except RuntimeError:  # without symbols
            variables = []
        ROWS.append((frame.pc(), frame.type() == gdb.INLINE_FRAME, variables))
        frame = frame.older()


ROWS = []
list_frames()
print("VALUES " + json.dumps(ROWS))
