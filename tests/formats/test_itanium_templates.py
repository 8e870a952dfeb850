"""Names with template arguments are what a demangler makes of them; rare ones are left to it."""

import random

import pytest

from crashtool.formats.itanium_templates import read_template_name
from crashtool.services.symbols.demangle import demangle
from tests.formats.test_itanium_names import read_by_demangler

USUAL = {
    "_ZNSt6vectorIiSaIiEE9push_backERKi": "std::vector<int, std::allocator<int>>::push_back",
    "_ZN1AIPKcE1fEv": "A<char const*>::f",
    "_ZN1AIPVKiE1fEv": "A<int const volatile*>::f",
    "_ZN1AIVPiE1fEv": "A<int* volatile>::f",
    "_ZN1AIRKiOdE1fEv": "A<int const&, double&&>::f",
    "_ZN1AILb1ELi3ELin3ELj4ELy5EE1fEv": "A<true, 3, -3, 4u, 5ull>::f",
    "_ZN1AILc65ELN1B1CE2EL1E3ELS1_4EE1fEv": "A<(char)65, (B::C)2, (E)3, (B::C)4>::f",
    "_Z1fIiJidEEvT_DpT0_": "f<int, int, double>",
    "_ZN1AIJEE1fEv": "A<>::f",
    "_ZN1AIiED2Ev": "A<int>::~A",
    "_ZN1AIiEC4Ev": "A<int>::A",
    "_ZN1A1BIiE1CIS1_E1fEv": "A::B<int>::C<A::B<int>>::f",
    "_ZN12_GLOBAL__N_11AIiE1fEv": "(anonymous namespace)::A<int>::f",
    "_ZSt4moveIRiEONSt16remove_referenceIT_E4typeEOS2_": "std::move<int&>",
    "_ZN1AIDnDiDsE1fEv": "A<std::nullptr_t, char32_t, char16_t>::f",
    "_ZNK1AIiEplERKS0_": "A<int>::operator+",
    "_ZNKR1AIiE1fEv": "A<int>::f",
    "_ZN1AINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEE1fEv": "A<std::__cxx11::"
    "basic_string<char, std::char_traits<char>, std::allocator<char>>>::f",
    "_ZN1A1fEPFviE1C": "A::f",
    "_Z1fIiEvT_PFvS0_E1AIS0_E": "f<int>",
    "_ZN1AISbIcEE1fEv": "A<std::basic_string<char>>::f",
}
RARE = (
    "", "main", "_Z", "_ZN", "_ZN1AIiE", "_ZN1AIiE1fE", "_ZN1AIiE1f", "_ZTV1AIiE", "_ZN1AIiE1xE",
    "_ZN1AIPFvvEE1fEv", "_ZN1AIA3_iE1fEv", "_ZNSsC1Ev", "_ZNSs6appendEPKc", "_ZN1AIiEcvbEv",
    "_ZN1AIiEC1IdEET_", "_ZN1AIXadL_Z1gvEEE1fEv", "_ZN1AILPKc0EE1fEv", "_ZN1AILb2EE1fEv",
    "_ZN1AILf0EE1fEv", "_ZN1AIOOiE1fEv", "_ZN1AIKKiE1fEv", "_ZNIiE1fEv", "_ZNStC1Ev",
    "_ZN12_GLOBAL__N_1C1Ev", "_ZN1AIS5_E1fEv", "_Z1fIiEvT_IiE", "_ZN9AIiE1fEv", "_ZN1fB5cxx11Ev",
    "_ZN1AISaE1fEv", "_ZN1AIT_E1fEv", "_ZN1A" + "I1B" * 60 + "E" * 60 + "1fEv", "_ZN1AIN1BplEE1fEv",
    "_ZN1AIiE1fEvv!", "_ZSt", "_ZN1AILi3EE1fE", "_ZN1AIL_Z1gEE1fEv", "_ZNS_1fEv", "_ZN1AIiEE",
    "_Z1fIiEvS_",
)  # fmt: skip


@pytest.mark.parametrize(("name", "readable"), USUAL.items())
def test_usual_names_are_read(name, readable):
    assert read_template_name(name) == readable
    assert read_by_demangler(name) == readable
    assert demangle(name) == readable


@pytest.mark.parametrize("name", RARE)
def test_rare_names_are_left_to_a_demangler(name):
    assert read_template_name(name) == ""


def test_whatever_is_read_a_demangler_reads_the_same():
    chance = random.Random(9)  # noqa: S311 (the same in each run)
    names = list(USUAL)
    letters = "".join(names)
    read = 0
    for _ in range(4000):
        name = chance.choice(names)
        at = chance.randrange(2, len(name))
        kind = chance.randrange(3)
        if kind == 0:
            name = name[:at] + chance.choice(letters) + name[at + 1 :]
        elif kind == 1:
            name = name[:at] + name[at + 1 :]
        else:
            other = chance.choice(names)
            name = name[:at] + other[chance.randrange(2, len(other)) :]
        if ours := read_template_name(name):
            read += 1
            assert ours == read_by_demangler(name), name
    assert read > 200
