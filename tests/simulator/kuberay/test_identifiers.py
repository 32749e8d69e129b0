"""Uids and suffixes that are derived from others."""

import uuid

from exporter.simulator.kuberay import identifiers


def test_the_same_parts_give_the_same_values() -> None:
    """Other parts give others, of any type."""
    for derive in (identifiers.derived_uid, identifiers.derived_suffix, identifiers.derived_hash):
        assert derive("a", 1) == derive("a", "1") != derive("a", 2)


def test_values_have_the_form_of_kubernetes() -> None:
    """A uid of version 4, five letters that spell no word, the id of a container."""
    assert uuid.UUID(identifiers.derived_uid("a")).version == 4
    assert len(identifiers.derived_suffix("a")) == 5
    assert set(identifiers.derived_suffix("a")) <= set(identifiers.SUFFIX_LETTERS)
    assert len(identifiers.derived_hash("a")) == 64


def test_numbers_are_within_their_bounds() -> None:
    """All of them occur."""
    assert {identifiers.derived_number(3, part) for part in range(100)} == {1, 2, 3}
