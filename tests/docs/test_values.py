"""The page of values says of every type what the codec does with it."""

from __future__ import annotations

import functools
import pkgutil
import re
from importlib import import_module

import pytest

from docs import values as reference
from perdure.codec import leaf, packages
from perdure.codec.attempt import Terms, attempt
from perdure.codec.model import Refusal
from perdure.codec.rows.table import FAMILIES, TABLE, rows_of
from values.sample import AREAS, samples

OWN = "objects of any other class"
SECTIONS = {
    "arrays": {"Arrays and frames", "Classes and functions"},
    "exceptions": {"Standard library"},
    "frames": {"Arrays and frames", "Standard library", "Classes and functions"},
    "instances": {"Standard library", "Your own classes"},
    "models": {"Models", "Standard library", "Classes and functions"},
    "notebook": {"Classes and functions", "Standard library", "Your own classes"},
    "own": {"Our own", "Standard library"},
    "plain": {"Plain"},
    "science": {"Arrays and frames"},
    "standard": {"Standard library", "Classes and functions", "Your own classes", "Plain"},
    "web": {"The web"},
}
"""By area of samples, where the page tells of their types."""


@functools.cache
def lines():
    """What the page says: section and line."""
    return [(title, line) for title, made in reference.SECTIONS.items() for line in reference.merged(made())]


@functools.cache
def known():
    """Classes that the page names, with section and line; the more special class comes first."""
    found = [
        (cls, title, line)
        for title, line in lines()
        for name in line.types
        for cls in reference.classes_of(name)
    ]
    return sorted(found, key=lambda each: -len(each[0].__mro__))


def told(value):
    """Section and line of what a value is kept as; None where the page does not name its type."""
    cls = type(value)
    exact = next(((title, line) for each, title, line in known() if each is cls and cls is not type), None)
    row = next((row for row in rows_of(cls) if row.when is None or row.when(value)), None)
    if exact is not None or row is not None:
        names = set() if row is None else set(next(iter(reference.of_rows([row]))).types)
        return exact or next((found for found in lines() if names & set(found[1].types)), None)
    for each, title, line in known():
        if issubclass(cls, each) and line.pickled != "no":
            return title, line
    users = cls.__module__.startswith(("values.", "__main__"))
    return next(found for found in lines() if OWN in found[1].types) if users else None


def judged(area, sample):
    """The values of a sample that are asked about: of a container in which others are shown, those."""
    value = sample.make()
    if area != "plain" and type(value) in (list, tuple, dict):
        return [part for part in (value.values() if type(value) is dict else value) if not _plain(part)]
    return [value]


def _plain(value):
    return type(value) in (type(None), bool, int, float, str, bytes, list, tuple, dict)


def test_the_page_is_what_the_tables_of_the_codec_say():
    assert reference.PAGE.read_text() == reference.page(), "write it anew: make reference"


def test_every_row_says_how_its_objects_are_stored_and_stands_on_the_page():
    assert [row.tag for row in (*TABLE, *FAMILIES) if not row.says] == []
    says = "\n".join(line.says for _, line in lines())
    assert [row.tag for row in (*TABLE, *FAMILIES) if row.says not in says] == []


def test_what_a_module_of_the_leaf_or_of_a_package_keeps_stands_on_the_page():
    named = {name for _, line in lines() for name in line.types}
    for room in (leaf, packages):
        for module in pkgutil.iter_modules(room.__path__):
            kept = getattr(import_module(f"{room.__name__}.{module.name}"), "KEPT", {})
            missing = [names for names in kept if names not in named and not named >= set(names.split(", "))]
            assert missing == [], module.name


def test_what_the_page_names_is_there():
    names = [name for _, line in lines() for name in line.types if re.fullmatch(r"\w+(\.\w+)+", name)]
    assert [name for name in names if not reference.classes_of(name)] == []


def test_every_area_of_samples_belongs_to_sections_of_the_page():
    assert set(AREAS) == set(SECTIONS)
    assert set().union(*SECTIONS.values()) == set(reference.SECTIONS)


@pytest.mark.parametrize("area", AREAS)
def test_the_type_of_every_sample_is_named_on_the_page_and_needs_a_pickle_where_it_says_so(area):
    missing, elsewhere, untrue = [], [], []
    for sample in samples(area):
        for value in judged(area, sample):
            found = told(value)
            if found is None:
                missing.append((sample.name, type(value)))
                continue
            if found[0] not in SECTIONS[area]:
                elsewhere.append((sample.name, *found))
            if found[1].pickled != "some" and (found[1].pickled == "yes") is not needs_pickle(value):
                untrue.append((sample.name, found[1]))
    assert (missing, elsewhere, untrue) == ([], [], [])


def needs_pickle(value):
    """Whether the value itself, and not a part of it, is kept by a pickle."""
    try:
        attempt(value, Terms({}, pickles=False))
    except Refusal as refusal:
        return refusal.part is value
    return False
