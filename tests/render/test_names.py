import pytest

from crashtool.render.names import shorten

MAP = (
    "std::_Rb_tree<std::string, std::pair<std::string const, std::vector<int>>, std::less<int>>"
    "::_M_insert_unique(std::pair<std::string const, std::vector<int>>&&)"
)


@pytest.mark.parametrize(
    ("name", "limit", "short"),
    [
        ("Renderer::flush", 20, "Renderer::flush"),
        (MAP, 200, MAP),
        ("a<b<c<d<e>>>>::f", 15, "a<b<c<…>>>::f"),
        (MAP, 70, "std::_Rb_tree<…>::_M_insert_unique(std::pair<…>&&)"),
        (MAP, 40, "std::_Rb_tree<…>::_M_insert_unique(…)"),
        ("std::ostream& operator<< <char>(std::ostream&)", 36, "std::ostream& operator<< <…>(…)"),
        ("Vector<int, 3>::operator->() const", 30, "Vector<…>::operator->() const"),
        ("F<int, int>::operator()(int, int) const", 28, "F<…>::operator()(…) const"),
        ("(anonymous namespace)::f(int, int, int)", 30, "(anonymous namespace)::f(…)"),
        ("f(A<int>) -> B<int, int, int>", 20, "f(A<…>) -> B<…>"),
        ("operator<=>(Long<int> const&, Long<int> const&)", 20, "operator<=>(…)"),
    ],
)
def test_what_tells_least_goes_first(name, limit, short):
    assert shorten(name, limit) == short
    assert len(short) <= max(limit, len(name) if name == short else 0)


def test_a_name_without_brackets_loses_its_middle():
    short = shorten("start" + "x" * 200 + "the_end", 30)
    assert len(short) == 30
    assert short.startswith("startx")
    assert short.endswith("xthe_end")
    assert "…" in short


@pytest.mark.parametrize(
    "name", ["<" * 500, ">" * 500, "(" * 500, "a<" * 300, ")" * 500, "operator<" * 99]
)
def test_brackets_that_do_not_match_are_cut_as_well(name):
    assert 0 < len(shorten(name, 40)) <= 40


def test_a_name_of_a_megabyte_takes_no_time():
    assert len(shorten("f<" * 500_000, 40)) <= 40
    assert len(shorten("f" * 1_000_000, 5000)) == 4097
