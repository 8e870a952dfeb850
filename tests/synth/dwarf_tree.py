"""Trees of DWARF entries, packed from values: one unit with its table of abbreviations.

entry(SUBPROGRAM, text(NAME, "main"), low(0x1000), high(0x40), children=[...], label="main")
"""

from tests.synth.dwarf import number, sleb, uleb, with_length

STRING, DATA_4, REF_4, REF_ADDR, ADDRESS, SEC_OFFSET = 0x08, 0x06, 0x13, 0x10, 0x01, 0x17
UDATA, BLOCK_1, EXPRLOC, IMPLICIT, INDIRECT, SDATA = 0x0F, 0x0A, 0x18, 0x21, 0x16, 0x0D
SIBLING = 0x01
NEXT = object()  # in place of bytes: where the entry's sibling is


class Tree:
    """One entry with those inside it. Attributes are (attribute, form, bytes or a label)."""

    def __init__(self, tag, *attributes, children=None, label=""):
        self.tag = tag
        self.attributes = attributes
        self.children = children
        self.label = label


def entry(tag, *attributes, children=None, label=""):
    return Tree(tag, *attributes, children=children, label=label)


def text(attribute, value):
    return attribute, STRING, value.encode() + b"\0"


def address(attribute, value, size=8):
    return attribute, ADDRESS, number(value, size)


def data(attribute, value):
    return attribute, DATA_4, number(value, 4)


def udata(attribute, value):
    return attribute, UDATA, uleb(value)


def refer(attribute, label):
    """To an entry of the same unit."""
    return attribute, REF_4, label


def refer_anywhere(attribute, value, size=4):
    """To an offset in .debug_info."""
    return attribute, REF_ADDR, number(value, size)


def sibling():
    return SIBLING, REF_4, NEXT


class _Packer:
    def __init__(self, first_code, labels):
        self.codes = {}
        self.first_code = first_code
        self.body = bytearray()
        self.labels = labels
        self.seen = {}

    def pack(self, tree, start):
        self.seen[tree.label] = place = start + len(self.body)
        shape = (
            tree.tag,
            tree.children is not None,
            tuple(
                (name, form, value if form == IMPLICIT else b"")
                for name, form, value in tree.attributes
            ),
        )
        self.body += uleb(self.codes.setdefault(shape, self.first_code + len(self.codes)))
        for _, form, value in tree.attributes:
            if value is NEXT:
                self.body += number(self.labels.get(("next", place), 0), 4)
            elif isinstance(value, str):
                self.body += number(self.labels.get(value, 0), 4)
            elif form != IMPLICIT:
                self.body += value
        for child in tree.children or ():
            self.pack(child, start)
        if tree.children is not None:
            self.body += b"\0"
        self.seen["next", place] = start + len(self.body)


def build_tree(root, version=4, *, wide=False, kind=1, address_size=8, first_code=1, table=0):
    """.debug_info of one unit, .debug_abbrev, and the places of entries by label."""
    offset = 8 if wide else 4
    if version >= 5:
        head = bytes([kind, address_size]) + number(table, offset)
    else:
        head = number(table, offset) + bytes([address_size])
    start = (12 if wide else 4) + 2 + len(head)
    labels = {}
    for _ in range(2):  # places are known after the first time
        packer = _Packer(first_code, labels)
        packer.pack(root, start)
        labels = packer.seen
    abbreviations = b""
    for (tag, has_children, attributes), code in packer.codes.items():
        abbreviations += uleb(code) + uleb(tag) + bytes([has_children])
        for attribute, form, value in attributes:
            abbreviations += uleb(attribute) + uleb(form)
            abbreviations += sleb(int.from_bytes(value, "little")) if form == IMPLICIT else b""
        abbreviations += b"\0\0"
    unit = with_length(number(version, 2) + head + bytes(packer.body), wide)
    return unit, abbreviations + b"\0", labels
