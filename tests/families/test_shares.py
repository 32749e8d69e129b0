"""Who loses a key when there are too many."""

from exporter.families.limits import Shares


def test_a_namespace_beyond_its_own_maximum_loses_its_oldest() -> None:
    """A key that is added again is the newest."""
    shares = Shares[str](10, 2)
    assert [shares.add("a", key) for key in ("1", "2", "1", "3")] == [None, None, None, "2"]
    assert (shares.is_full("a"), shares.is_full("b")) == (True, False)


def test_beyond_the_maximum_the_largest_namespace_loses_its_oldest() -> None:
    """Not the one that adds, unless it is the largest."""
    shares = Shares[str](3)
    assert [shares.add("a", key) for key in ("1", "2", "3")] == [None, None, None]
    assert not shares.is_full("b")
    assert [shares.add("b", "4"), shares.add("c", "5")] == ["1", "2"]
    assert shares.is_full("b")


def test_what_is_discarded_makes_room() -> None:
    """Also the last key of a namespace; an unknown one is ignored."""
    shares = Shares[str](1)
    shares.add("a", "1")
    shares.discard("a", "1")
    shares.discard("a", "1")
    assert [shares.add("b", "2"), shares.add("a", "3")] == [None, "2"]
