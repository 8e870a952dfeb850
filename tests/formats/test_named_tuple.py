"""Our named tuples behave as those of `typing`, class by class."""

import importlib
import inspect
import pickle
import pkgutil
import sys
from collections import namedtuple
from typing import NamedTuple as Typed

import pytest

import crashtool
from crashtool.formats.named_tuple import NamedTuple


class Point(NamedTuple):
    """A class as the package has them."""

    x: int
    y: int = 0
    label: str | None = None

    @property
    def far(self) -> bool:
        """A property of its own."""
        return self.x > 100

    def __str__(self) -> str:
        return f"{super().__repr__()}!"


class TypedPoint(Typed):
    """Its twin."""

    x: int
    y: int = 0
    label: str | None = None


class Special(Point):
    """A class below one of ours is an ordinary class."""


def walk_classes():
    """Every class of named fields in the package, but for modules that want an extra."""
    for entry in pkgutil.walk_packages(crashtool.__path__, "crashtool."):
        if entry.name.endswith("__main__"):
            continue
        try:
            module = importlib.import_module(entry.name)
        except ImportError:  # of an extra, or of another system
            continue
        for value in vars(module).values():
            ours = isinstance(value, type) and value.__module__ == entry.name
            if ours and hasattr(value, "_field_defaults"):
                yield value


def parameters_of(one):
    return [(each.name, each.default) for each in inspect.signature(one).parameters.values()]


def check(one):
    twin = namedtuple(one.__name__, one._fields, defaults=one._field_defaults.values())  # noqa: PYI024 (what typing calls)
    values = [f"value {index}" for index in range(len(one._fields))]
    by_name = dict(zip(one._fields, values, strict=True))
    last = one._fields[-1]

    made = one(*values)

    assert made == one(**by_name) == one._make(values) == tuple(values)
    assert [getattr(made, name) for name in one._fields] == values
    assert made._asdict() == by_name
    assert one._field_defaults == twin._field_defaults
    assert one.__match_args__ == twin.__match_args__
    assert parameters_of(one) == parameters_of(twin)
    assert made._replace(**{last: 7}) == twin(*values)._replace(**{last: 7})
    with pytest.raises(AttributeError):
        setattr(made, last, 1)


def test_a_class_of_ours_is_what_the_library_would_have_made():
    checked = 0
    for one in walk_classes():
        try:
            check(one)
        except AssertionError as error:
            error.add_note(f"{one.__module__}.{one.__name__}")
            raise
        checked += 1

    assert checked > 200


def words_of(call):
    with pytest.raises(TypeError) as error:
        call()
    return str(error.value).replace("TypedPoint", "Point")


@pytest.mark.parametrize(
    "call",
    [
        lambda one: one(),
        lambda one: one(1, 2, "three", 4),
        lambda one: one(1, z=2),
        lambda one: one(1, x=2),
        lambda one: one._make([1]),
    ],
    ids=["none", "too many", "unknown", "twice", "too few to make"],
)
def test_wrong_arguments_are_refused_in_the_words_of_the_library(call):
    assert words_of(lambda: call(Point)) == words_of(lambda: call(TypedPoint))


def test_a_field_that_is_none_cannot_be_replaced():
    with pytest.raises(TypeError, match="unexpected field names"):
        Point(1)._replace(colour=2)


def test_methods_and_super_work():
    assert str(Point(1)) == "Point(x=1, y=0, label=None)!"
    assert Point(101).far


def test_values_are_hashed_compared_and_pickled_as_tuples():
    assert {Point(1, 2): "here"}[(1, 2, None)] == "here"
    assert Point(1) < Point(2)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(Point(1, 2), protocol))  # noqa: S301 (our own bytes)
        assert again == Point(1, 2)
        assert type(again) is Point


def test_a_subclass_keeps_its_kind():
    special = Special(1)

    assert type(special) is type(special._replace(y=2)) is type(Special._make([1, 2, 3])) is Special
    assert not Special.__dict__.get("__slots__")


def test_a_pattern_takes_the_fields_in_order():
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="copy.replace came with Python 3.13")
def test_copy_replaces_fields():
    import copy

    assert copy.replace(Point(1), y=3) == Point(1, 3)
