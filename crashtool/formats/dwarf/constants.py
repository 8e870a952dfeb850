"""DWARF's numbers by the standard's names (DWARF 5, 7.5, and GNU's extensions), as far as they are
used here.
"""

from __future__ import annotations

# DW_TAG_*
DW_TAG_class_type = 0x02
DW_TAG_structure_type = 0x13
DW_TAG_union_type = 0x17
DW_TAG_inlined_subroutine = 0x1D
DW_TAG_subprogram = 0x2E
DW_TAG_namespace = 0x39
DW_TAG_module = 0x1E
DW_TAG_partial_unit = 0x3C
SCOPES = frozenset(
    {DW_TAG_class_type, DW_TAG_structure_type, DW_TAG_union_type, DW_TAG_namespace, DW_TAG_module}
)

# DW_AT_*
DW_AT_sibling = 0x01
DW_AT_name = 0x03
DW_AT_stmt_list = 0x10
DW_AT_low_pc = 0x11
DW_AT_high_pc = 0x12
DW_AT_language = 0x13
DW_AT_comp_dir = 0x1B
DW_AT_abstract_origin = 0x31
DW_AT_specification = 0x47
DW_AT_ranges = 0x55
DW_AT_call_file = 0x58
DW_AT_call_line = 0x59
DW_AT_linkage_name = 0x6E
DW_AT_MIPS_linkage_name = 0x2007
DW_AT_declaration = 0x3C
DW_AT_str_offsets_base = 0x72
DW_AT_addr_base = 0x73
DW_AT_rnglists_base = 0x74
DW_AT_GNU_ranges_base = 0x2132
DW_AT_GNU_addr_base = 0x2133
DW_AT_dwo_name = 0x76
DW_AT_GNU_dwo_name = 0x2130
DW_AT_GNU_dwo_id = 0x2131

# DW_TAG_* of variables, of their scopes and their types
DW_TAG_array_type = 0x01
DW_TAG_enumeration_type = 0x04
DW_TAG_formal_parameter = 0x05
DW_TAG_lexical_block = 0x0B
DW_TAG_member = 0x0D
DW_TAG_pointer_type = 0x0F
DW_TAG_reference_type = 0x10
DW_TAG_subroutine_type = 0x15
DW_TAG_typedef = 0x16
DW_TAG_variant = 0x19
DW_TAG_inheritance = 0x1C
DW_TAG_ptr_to_member_type = 0x1F
DW_TAG_subrange_type = 0x21
DW_TAG_base_type = 0x24
DW_TAG_const_type = 0x26
DW_TAG_enumerator = 0x28
DW_TAG_template_type_parameter = 0x2F
DW_TAG_variant_part = 0x33
DW_TAG_variable = 0x34
DW_TAG_volatile_type = 0x35
DW_TAG_restrict_type = 0x37
DW_TAG_rvalue_reference_type = 0x42
DW_TAG_atomic_type = 0x47
DW_TAG_call_site = 0x48
DW_TAG_call_site_parameter = 0x49
DW_TAG_GNU_call_site = 0x4109
DW_TAG_GNU_call_site_parameter = 0x410A
DW_TAG_GNU_template_parameter_pack = 0x4107  # GNU's: the types that a template has in place of ...

# DW_AT_* of the same
DW_AT_location = 0x02
DW_AT_byte_size = 0x0B
DW_AT_bit_offset = 0x0C
DW_AT_bit_size = 0x0D
DW_AT_discr = 0x15
DW_AT_discr_value = 0x16
DW_AT_const_value = 0x1C
DW_AT_upper_bound = 0x2F
DW_AT_lower_bound = 0x22
DW_AT_count = 0x37
DW_AT_data_member_location = 0x38
DW_AT_encoding = 0x3E
DW_AT_external = 0x3F
DW_AT_discr_list = 0x3D
DW_AT_frame_base = 0x40
DW_AT_type = 0x49
DW_AT_data_location = 0x50
DW_AT_byte_stride = 0x51
DW_AT_signature = 0x69
DW_AT_data_bit_offset = 0x6B
DW_AT_enum_class = 0x6D
DW_AT_loclists_base = 0x8C
DW_AT_bit_stride = 0x2E
DW_AT_virtuality = 0x4C
DW_AT_containing_type = 0x1D
DW_AT_call_return_pc = 0x7D
DW_AT_call_value = 0x7E
DW_AT_call_origin = 0x7F
DW_AT_call_parameter = 0x80
DW_AT_call_tail_call = 0x82
DW_AT_call_target = 0x83
DW_AT_GNU_call_site_value = 0x2111
DW_AT_GNU_call_site_target = 0x2113
DW_AT_GNU_tail_call = 0x2115

# DW_UT_*, kinds of units from DWARF 5 on
DW_UT_type = 0x02
DW_UT_partial = 0x03
DW_UT_skeleton = 0x04
DW_UT_split_compile = 0x05
DW_UT_split_type = 0x06

# DW_FORM_*
DW_FORM_addr = 0x01
DW_FORM_block2 = 0x03
DW_FORM_block4 = 0x04
DW_FORM_data2 = 0x05
DW_FORM_data4 = 0x06
DW_FORM_data8 = 0x07
DW_FORM_string = 0x08
DW_FORM_block = 0x09
DW_FORM_block1 = 0x0A
DW_FORM_data1 = 0x0B
DW_FORM_flag = 0x0C
DW_FORM_sdata = 0x0D
DW_FORM_strp = 0x0E
DW_FORM_udata = 0x0F
DW_FORM_ref_addr = 0x10
DW_FORM_ref1 = 0x11
DW_FORM_ref2 = 0x12
DW_FORM_ref4 = 0x13
DW_FORM_ref8 = 0x14
DW_FORM_ref_udata = 0x15
DW_FORM_indirect = 0x16
DW_FORM_sec_offset = 0x17
DW_FORM_exprloc = 0x18
DW_FORM_flag_present = 0x19
DW_FORM_strx = 0x1A
DW_FORM_addrx = 0x1B
DW_FORM_ref_sup4 = 0x1C
DW_FORM_strp_sup = 0x1D
DW_FORM_data16 = 0x1E
DW_FORM_line_strp = 0x1F
DW_FORM_ref_sig8 = 0x20
DW_FORM_implicit_const = 0x21
DW_FORM_loclistx = 0x22
DW_FORM_rnglistx = 0x23
DW_FORM_ref_sup8 = 0x24
DW_FORM_strx1 = 0x25
DW_FORM_strx2 = 0x26
DW_FORM_strx3 = 0x27
DW_FORM_strx4 = 0x28
DW_FORM_addrx1 = 0x29
DW_FORM_addrx2 = 0x2A
DW_FORM_addrx3 = 0x2B
DW_FORM_addrx4 = 0x2C
DW_FORM_GNU_addr_index = 0x1F01
DW_FORM_GNU_str_index = 0x1F02
DW_FORM_GNU_ref_alt = 0x1F20
DW_FORM_GNU_strp_alt = 0x1F21

# DW_ATE_*
DW_ATE_address = 0x01
DW_ATE_boolean = 0x02
DW_ATE_complex_float = 0x03
DW_ATE_float = 0x04
DW_ATE_signed = 0x05
DW_ATE_signed_char = 0x06
DW_ATE_unsigned = 0x07
DW_ATE_unsigned_char = 0x08
DW_ATE_UTF = 0x10

# DW_LANG_*
DW_LANG_C89 = 0x01
DW_LANG_C = 0x02
DW_LANG_Ada83 = 0x03
DW_LANG_C_plus_plus = 0x04
DW_LANG_Cobol74 = 0x05
DW_LANG_Cobol85 = 0x06
DW_LANG_Fortran77 = 0x07
DW_LANG_Fortran90 = 0x08
DW_LANG_Pascal83 = 0x09
DW_LANG_Modula2 = 0x0A
DW_LANG_C99 = 0x0C
DW_LANG_Ada95 = 0x0D
DW_LANG_Fortran95 = 0x0E
DW_LANG_PLI = 0x0F
DW_LANG_ObjC = 0x10
DW_LANG_ObjC_plus_plus = 0x11
DW_LANG_Go = 0x16
DW_LANG_Modula3 = 0x17
DW_LANG_C_plus_plus_03 = 0x19
DW_LANG_C_plus_plus_11 = 0x1A
DW_LANG_Rust = 0x1C
DW_LANG_C11 = 0x1D
DW_LANG_Julia = 0x1F
DW_LANG_C_plus_plus_14 = 0x21
DW_LANG_Fortran03 = 0x22
DW_LANG_Fortran08 = 0x23
DW_LANG_C_plus_plus_17 = 0x2A
DW_LANG_C_plus_plus_20 = 0x2B
DW_LANG_C17 = 0x2C
DW_LANG_Fortran18 = 0x2D
DW_LANG_Ada2005 = 0x2E
DW_LANG_Ada2012 = 0x2F
DW_LANG_Mips_Assembler = 0x8001
