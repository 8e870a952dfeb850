"""Plain names of C++ functions are what a demangler makes of them; the others are left to it."""

import random

import demangle
import pytest

from crashtool.formats.itanium_names import read_plain_name

PLAIN = {
    "_Z6secondi": "second",
    "_ZL5limitPKcz": "limit",
    "_ZN3foo3barEv": "foo::bar",
    "_ZNK3foo3barERKS_": "foo::bar",
    "_ZN3FooC2ERKS_S1_": "Foo::Foo",
    "_ZN3FooC1Ev": "Foo::Foo",
    "_ZN3app3FooD0Ev": "app::Foo::~Foo",
    "_ZN12_GLOBAL__N_14stepEi": "(anonymous namespace)::step",
    "_ZNSt9exceptionD2Ev": "std::exception::~exception",
    "_ZSt9terminatev": "std::terminate",
    "_ZN16JfrJavaArgumentsC1EP9JavaValuePKcS3_S3_P10JavaThread": "JfrJavaArguments::"
    "JfrJavaArguments",
    "_ZN2os4readEN3app4KindEDnS0_S1_": "os::read",
    "_ZN3foo3barEPK3BazSsSo": "foo::bar",
}
OTHERS = (
    "", "main", "_Z", "_ZN", "_ZN3foo3barE", "_ZN3foo3bar", "_ZN3foo9barEv", "_ZN3fooE", "_ZTV3Foo",
    "_ZN1AlsEi",
    "_ZN3fooIiE3barEv", "_Z3fooIiEvT_", "_ZZ4mainE1x", "_ZN3foo3barEvx!",
    "_Z3foov.cold",
    "_ZN3foo3barEPFvvE", "_ZN3foo3barEA4_i", "_ZN3fooB5cxx113barEv", "_ZN12_GLOBAL__N_1C1Ev",
    "_ZN3foo3barES_S0_", "_ZN4core3fmt17h0123456789abcdefE", "_Z03foov",
    "_ZN3FooC2ERKS_S2_", "_ZN3foo3barEvrubbish",
)  # fmt: skip


def read_by_demangler(name):
    try:
        return demangle.signature(name, language=("itanium",)).qualified_name
    except demangle.DemanglingError:
        return ""


@pytest.mark.parametrize(("name", "readable"), PLAIN.items())
def test_plain_names_are_read(name, readable):
    assert read_plain_name(name) == readable
    assert read_by_demangler(name) == readable


@pytest.mark.parametrize("name", OTHERS)
def test_other_names_are_left_to_a_demangler(name):
    assert read_plain_name(name) == ""


def test_whatever_is_read_a_demangler_reads_the_same():
    chance = random.Random(5)  # noqa: S311 (the same in each run)
    names = list(PLAIN)
    letters = "".join(names)
    read = 0
    for _ in range(3000):
        name = list(chance.choice(names))
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(2, len(name))
            change = chance.randrange(3)
            letter = chance.choice(letters)
            name[place : place + (change > 0)] = [] if change == 2 else [letter]
        text = "".join(name)
        if readable := read_plain_name(text):
            read += 1
            assert readable == read_by_demangler(text), text
    assert read > 300
