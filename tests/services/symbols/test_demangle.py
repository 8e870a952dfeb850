import pytest

from crashtool.services.symbols.demangle import MAX_NAME_LENGTH, demangle


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("_ZN4plug6Parser5ParseEi", "plug::Parser::Parse"),
        ("__ZN4plug6Parser5ParseEi", "plug::Parser::Parse"),
        ("ZN4plug6Parser5ParseEi", "plug::Parser::Parse"),
        ("Z4playi", "play"),
        ("_ZN1AltIiEEbT_", "A::operator< <int>"),
        ("_ZN1AlsIiEEbT_", "A::operator<<<int>"),
        ("_ZN1AlsEi", "A::operator<<"),
        ("_ZN1AltEi", "A::operator<"),
        ("ZNK3Foo3barEv", "Foo::bar"),
        ("_ZN3app12_GLOBAL__N_15stageIiEEiPFiiEi", "app::(anonymous namespace)::stage<int>"),
        ("_ZNK3Foo3barEv", "Foo::bar"),
        ("_ZTV3Foo", "vtable for Foo"),
        ("_ZN4oops5outer17h0123456789abcdefE", "oops::outer"),
        ("_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar"),
        ("?flush@Renderer@@QEAAXXZ", "Renderer::flush"),
        ("??0Foo@@QAE@XZ", "Foo::Foo"),
        ("$s4main3fooyyF", "main.foo"),
        ("main.cold", "main"),
        ("main.cold.3", "main"),
        ("sort.part.0", "sort"),
        ("sort.isra.0.cold", "sort"),
        ("_ZN3foo3barEv.llvm.1234", "foo::bar"),
    ],
)
def test_names_become_readable(name, readable):
    assert demangle(name) == readable


@pytest.mark.parametrize(
    "name",
    ["", "main", "?", "??", "_Z", "_R", "ZNo", "Z",
     "ZSTD_compress", "Z_malloc", "ZLIB", "ZIP", "a.b", "x.12", ".cold", ".part.0", "_Zzz",
     "plug::Parser::Parse(int)", "_Z" + "N" * 9000, "_Z" + "x" * MAX_NAME_LENGTH],
)  # fmt: skip
def test_what_is_not_mangled_or_cannot_be_read_stays(name):
    assert demangle(name) == name
