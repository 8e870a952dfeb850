"""args.gn, as people write it and as `gn gen` does."""

import pytest

from crashtool.formats.gn_arguments import parse_arguments


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("is_debug = false", {"is_debug": False}),
        ("is_debug=true # not false", {"is_debug": True}),
        ("# is_debug = false\n", {}),
        ('symbol_level = 2\r\ntarget_cpu = "x64"\r\n', {"symbol_level": 2, "target_cpu": "x64"}),
        ('extra_cflags = "/MD # \\"x\\""', {"extra_cflags": '/MD # "x"'}),
        ("a = 1\na = 2", {"a": 2}),
        ("list = [ 1, 2 ]\nother = a + b\n", {}),
        ("n = -1", {"n": -1}),
        ("", {}),
    ],
)
def test_arguments_are_read_as_gn_takes_them(text, values):
    assert parse_arguments(text) == values
