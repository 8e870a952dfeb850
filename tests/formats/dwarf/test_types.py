import pytest

from crashtool.formats.dwarf import constants as dw
from crashtool.formats.dwarf.elf_sections import open_sections
from crashtool.formats.dwarf.entry_names import Reference
from crashtool.formats.dwarf.types import DwarfTypes
from crashtool.formats.dwarf.unit_table import UnitTable
from tests.synth.dwarf import build_file, build_lines
from tests.synth.dwarf_tree import EXPRLOC, build_tree, data, entry, refer, text

DW_LANG_ObjC_plus_plus, DW_LANG_C_plus_plus = 0x11, 0x04
DW_TAG_compile_unit = 0x11


def describe_array(language, *attributes, of_index=()):
    """The type of an array whose last index is 3, and whose first one is the language's."""
    root = entry(
        DW_TAG_compile_unit,
        data(dw.DW_AT_language, language),
        children=[
            entry(
                dw.DW_TAG_base_type,
                text(dw.DW_AT_name, "int"),
                data(dw.DW_AT_byte_size, 4),
                data(dw.DW_AT_encoding, dw.DW_ATE_signed),
                label="int",
            ),
            entry(
                dw.DW_TAG_array_type,
                refer(dw.DW_AT_type, "int"),
                *attributes,
                children=[entry(dw.DW_TAG_subrange_type, data(dw.DW_AT_upper_bound, 3), *of_index)],
                label="array",
            ),
        ],
    )
    info, abbreviations, labels = build_tree(root)
    sections = {
        "debug_info": info,
        "debug_abbrev": abbreviations,
        "debug_line": build_lines(),
    }
    table = UnitTable(open_sections(build_file(sections)))
    entries = table.open_entries(table.open(0))
    reference = Reference(table, entries, entries.read(labels["array"]))
    return DwarfTypes(lambda *_: None).open(reference)


@pytest.mark.parametrize(
    ("language", "count"),
    [
        (DW_LANG_C_plus_plus, 4),
        (DW_LANG_ObjC_plus_plus, 4),
        (dw.DW_LANG_Fortran90, 3),
        (dw.DW_LANG_Modula2, 3),
        (dw.DW_LANG_Ada95, 3),
    ],
)
def test_an_array_begins_where_its_language_has_them_begin(language, count):
    kind = describe_array(language)

    assert (kind.count, kind.size) == (count, 4 * count)


def test_an_array_whose_elements_are_scattered_is_not_read():
    """As Fortran's slices and allocatable arrays are, and Ada's packed ones."""
    stride, bits = data(dw.DW_AT_byte_stride, 8), data(dw.DW_AT_bit_stride, 4)
    elsewhere = (dw.DW_AT_data_location, EXPRLOC, b"\2\x97\6")  # DW_OP_push_object_address, deref

    assert describe_array(dw.DW_LANG_Fortran90, of_index=[stride]).kind == "unknown"
    assert describe_array(dw.DW_LANG_Ada95, bits).kind == "unknown"
    assert describe_array(dw.DW_LANG_Fortran90, elsewhere).kind == "unknown"
