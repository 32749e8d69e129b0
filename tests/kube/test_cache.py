"""What is told about differences, and what stays."""

from collections.abc import Collection, Sequence

from msgspec import Struct

from exporter.kube.cache import Cache


class Metadata(Struct, frozen=True):
    uid: str
    resource_version: str


class Thing(Struct, frozen=True):
    metadata: Metadata


def thing(uid: str, version: int = 1) -> Thing:
    return Thing(Metadata(uid, str(version)))


class Recorder:
    """Remembers each call as (uids changed, uids removed), and what the first list was."""

    def __init__(self) -> None:
        self.first: list[tuple[list[str], list[str]]] = []
        self.calls: list[tuple[list[str], list[str]]] = []

    def begin(self, present: Sequence[Thing], undecodable: Collection[str]) -> None:
        self.first.append(([obj.metadata.uid for obj in present], sorted(undecodable)))

    def update(self, changed: Sequence[Thing], removed: Sequence[Thing]) -> None:
        self.calls.append(([obj.metadata.uid for obj in changed], [obj.metadata.uid for obj in removed]))


def cache_of(*uids: str) -> tuple[Cache[Thing], Recorder]:
    recorder = Recorder()
    cache: Cache[Thing] = Cache(recorder)
    cache.replace([thing(uid) for uid in uids], ())
    recorder.calls.clear()
    return cache, recorder


def test_only_the_first_list_is_a_beginning() -> None:
    """What it shows had been there before; a later one, even after everything was dropped, is a difference."""
    recorder = Recorder()
    cache: Cache[Thing] = Cache(recorder)
    cache.clear()
    cache.replace([thing("a")], {"x"})
    cache.clear()
    cache.replace([thing("b")], ())
    assert recorder.first == [(["a"], ["x"])]
    assert recorder.calls == [([], []), ([], ["a"]), (["b"], [])]


def test_a_list_is_told_as_one_difference() -> None:
    """Unchanged objects are not told again; all else is told at once."""
    cache, recorder = cache_of("a", "b", "c")
    cache.replace([thing("a"), thing("b", 2), thing("d")], ())
    assert recorder.calls == [(["b", "d"], ["c"])]
    assert {obj.metadata.uid for obj in cache.objects()} == {"a", "b", "d"}


def test_a_list_with_lower_versions_is_the_truth_too() -> None:
    """etcd may have been restored from a backup."""
    cache, recorder = cache_of("a")
    cache.replace([thing("a", 100)], ())
    cache.replace([thing("a", 50)], ())
    assert recorder.calls == [(["a"], []), (["a"], [])]


def test_an_undecodable_object_keeps_its_last_good_version() -> None:
    """By list and by event; it is counted until a good version comes."""
    cache, recorder = cache_of("a", "b")
    cache.replace([thing("b")], {"a"})
    assert (len(cache), cache.undecodable, recorder.calls) == (2, 1, [([], [])])
    cache.put_undecodable("b")
    assert cache.undecodable == 2
    cache.put(thing("b", 2))
    cache.remove("a")
    assert (len(cache), cache.undecodable) == (1, 0)


def test_removing_what_is_not_there_tells_nothing() -> None:
    """A DELETED for an object that was never seen."""
    cache, recorder = cache_of("a")
    cache.remove("x")
    assert recorder.calls == []


def test_an_object_that_is_listed_twice_is_one() -> None:
    """The later one counts."""
    cache, _ = cache_of()
    cache.replace([thing("a", 1), thing("a", 2)], ())
    assert [obj.metadata.resource_version for obj in cache.objects()] == ["2"]
