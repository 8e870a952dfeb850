import pytest

from crashtool.model.function_name import drop_clone, normalize


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("app::run::h0123456789abcdef", "app::run"),
        ("app::run::h0123456789abcdeX", "app::run::h0123456789abcdeX"),
        ("parse.part.0.isra.3", "parse"),
        ("f(int) [clone .constprop.0]", "f(int)"),
        ("f.cold", "f"),
        ("fopen@@GLIBC_2.2.5", "fopen"),
        ("?flush@Renderer@@QEAAXXZ", "?flush@Renderer@@QEAAXXZ"),
        (".cold", ".cold"),
        ("::h0123456789abcdef", "::h0123456789abcdef"),
    ],
)
def test_what_differs_between_builds_is_dropped(function, name):
    assert drop_clone(function) == name


@pytest.mark.parametrize(
    ("spellings", "name"),
    [
        (("atlas::Array<int>::get(unsigned long) const", "atlas::Array::get",
          "atlas::Array<std::vector<std::pair<int, int (*)(char)>>>::get(unsigned __int64)const "),
         "atlas::Array::get"),
        (("(anonymous namespace)::f(int)", "`anonymous-namespace'::f", "{anonymous}::f"), "f"),
        (("void atlas::run<atlas::X>(int)", "atlas::run<(atlas::E)1>(int)"), "atlas::run"),
        (("f()::{lambda(int)#1}::operator()(int) const", "f()::$_0::operator()(int) const",
          "f::<lambda_0123abcd>::operator()", "f(int)::'lambda'(int)::operator()(int) const"), "f"),
        (("app::run::{{closure}}::h0123456789abcdef", "app::run::{closure#0}",
          "app::run::{{closure}}::{{closure}}"), "app::run"),
        (("<app::T as core::fmt::Debug>::fmt", "<app::T<u8> as x::Y<Z>>::fmt::h0123456789abcdef"),
         "app::T::fmt"),
        (("std::ostream& operator<<(std::ostream&, Game const&)",), "operator<<"),
        (("Foo::operator bool() const",), "Foo::operator_bool"),
        (("foo::operator< <int>(int)",), "foo::operator<"),
        (("Foo::operator->() const",), "Foo::operator->"),
        (("Cmp::operator()(int, int) const",), "Cmp::operator()"),
        (("operatorx::f(int)",), "operatorx::f"),
        (("f[abi:cxx11](int)", "f.part.0", "f.isra.0.cold"), "f"),
        (("{lambda()#1}", "$_0"), ""),
        (("?f@@YAXXZ",), "?f@@YAXXZ"),
        (("-[Foo bar:]",), "-[Foo bar:]"),
    ],
)  # fmt: skip
def test_every_spelling_of_a_function_is_one_name(spellings, name):
    assert {normalize(spelling) for spelling in spellings} == {name}


def test_a_hostile_name_is_cut_and_takes_no_time():
    for piece in ("<", "(", "operator", "::", "'lambda'(", "<a as "):
        assert len(normalize(piece * 1_000_000)) <= 4096
