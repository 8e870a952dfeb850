"""What registers hold, in terms of what they held before and of what was loaded."""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple

MAX_TERMS = 4


class Initial(NamedTuple):
    """What a register held where the straight code begins."""

    register: str


class Opaque(NamedTuple):
    """What an instruction has left in a register, by a computation that is not followed."""

    register: str
    at: int


class LoadedValue(NamedTuple):
    """What an instruction has loaded: `size` bytes from an address."""

    address: LinearForm
    size: int
    at: int


class Narrow(NamedTuple):
    """A part of something, widened again: a number, never a pointer."""

    whole: Atom


Atom = Initial | Opaque | LoadedValue | Narrow


class LinearForm(NamedTuple):
    """A sum: a constant, and atoms with what each is multiplied by. `terms` has no zeros."""

    constant: int
    terms: tuple[tuple[Atom, int], ...] = ()

    @property
    def atom(self) -> Atom | None:
        """What it is, when it is one atom and nothing else."""
        if self.constant or len(self.terms) != 1 or self.terms[0][1] != 1:
            return None
        return self.terms[0][0]


def of(atom: Atom) -> LinearForm:
    """The form that is one atom."""
    return LinearForm(0, ((atom, 1),))


def combine(first: LinearForm, second: LinearForm, factor: int = 1) -> LinearForm | None:
    """`first + factor * second`; None when it becomes too long to be followed."""
    terms = dict(first.terms)
    for atom, count in second.terms:
        terms[atom] = terms.get(atom, 0) + factor * count
    kept = tuple((atom, count) for atom, count in terms.items() if count)
    if len(kept) > MAX_TERMS:
        return None
    return LinearForm(first.constant + factor * second.constant, kept)


def scale(form: LinearForm, factor: int) -> LinearForm:
    """A form multiplied by a number."""
    terms = tuple((atom, count * factor) for atom, count in form.terms if count * factor)
    return LinearForm(form.constant * factor, terms)


def narrow(form: LinearForm) -> LinearForm:
    """A form whose lower half alone is kept: what was a pointer in it is one no more."""
    terms: dict[Atom, int] = {}
    for atom, count in form.terms:
        whole = atom if isinstance(atom, Narrow) else Narrow(atom)
        terms[whole] = terms.get(whole, 0) + count
    return LinearForm(form.constant, tuple(terms.items()))
