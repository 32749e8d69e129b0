"""Events: every occurrence counts once, whatever the recorder, the list or the watch shows of it."""

import pytest

from exporter.collectors.event import EVENTS, MAX_OTHER_REASONS, SeenEvents
from exporter.collectors.event_reasons import KUBERAY_REASONS
from exporter.collectors.event_series import MAX_WARNINGS, WARNING_SECONDS, EventCounts
from exporter.families.limits import Limits
from exporter.families.namespaces import EMPTY_NAMESPACE_SECONDS
from tests.support.clocks import FakeClock
from tests.support.events import Totals, decoded, event, old_event

QUOTA = "FailedToCreateHeadPod"
SECONDS = 1_795_428_000


# The two families, to the letter.


def test_both_families_to_the_letter() -> None:
    """The counter has no name and no message of an object; the gauge names the object."""
    totals = Totals().seen(event(), event("a.2", 3, uid="2", reason="CreatedWorkerPod", type_="Normal"))
    assert totals.lines("events_total") == [
        'kuberay_events_total{kind="RayCluster",namespace="ns",reason="CreatedWorkerPod",type="Normal"} 3',
        'kuberay_events_total{kind="RayCluster",namespace="ns",reason="FailedToCreateHeadPod",type="Warning"} 1',
    ]
    labels = 'kind="RayCluster",name="a",namespace="ns",reason="FailedToCreateHeadPod",type="Warning",uid="u"'
    assert totals.lines("event_last_timestamp_seconds") == [
        f"kuberay_event_last_timestamp_seconds{{{labels}}} {SECONDS}.123456"
    ]


def test_a_filtered_family_is_not_printed() -> None:
    """With the allowlist or the denylist."""
    totals = Totals(family_filter=lambda name: name == "kuberay_events_total").seen(event())
    assert [family.name for family in totals.totals.families] == ["kuberay_events_total"]
    assert totals.lines("events_total") != []


# Occurrences.


def test_an_event_that_is_old_is_counted() -> None:
    """kubernetes-event-exporter #184, #196: a recurring Event was dropped for its age."""
    long_ago = "2020-01-01T00:00:00Z"
    totals = Totals().seen(event(at=long_ago), old_event("b.1", 4, uid="2", reason="CreatedPVC"))
    assert totals.counted == {QUOTA: 1, "CreatedPVC": 4}


def test_growth_of_a_series_and_of_a_count_counts() -> None:
    """kubernetes-event-exporter #197: only ADDED was handled, and the tenth repetition never seen."""
    totals = Totals().seen(event()).seen(event(count=2, version="2")).seen(event(count=14, version="3"))
    totals.seen(old_event("b.1", 1, uid="2", reason="Suspended")).seen(
        old_event("b.1", 21, uid="2", reason="Suspended")
    )
    assert totals.counted == {QUOTA: 14, "Suspended": 21}
    assert totals.reported == [("a.1", 1), ("a.1", 1), ("a.1", 12), ("b.1", 1), ("b.1", 20)]


def test_events_of_one_second_count_each_by_itself() -> None:
    """rhobs/kube-events-exporter #58: times truncated to seconds were compared."""
    events = [event("a.1", uid=str(i), at=f"2026-11-23T10:00:00.00000{i}Z") for i in range(3)]
    assert Totals().seen(*events).counted == {QUOTA: 3}


def test_nothing_of_objects_becomes_a_label_of_the_counter() -> None:
    """eventrouter #119, opsgenie #137: the object's name, message or host as a label."""
    totals = Totals()
    for number in range(500):
        one = event(f"a.{number}", uid=str(number), about=f"a{number}", about_uid=str(number))
        totals.seen(one | {"message": f"m{number}", "reportingInstance": f"host-{number}"})
    assert len(totals.lines("events_total")) == 1
    assert totals.counted == {QUOTA: 500}


# History, lists, deletions.


def test_what_the_first_list_shows_is_history() -> None:
    """Not counted and not reported; its series exist at 0, and what grows later counts."""
    totals = Totals().listed(event(count=5))
    assert totals.lines("events_total") == [
        'kuberay_events_total{kind="RayCluster",namespace="ns",reason="FailedToCreateHeadPod",type="Warning"} 0'
    ]
    assert len(totals.lines("event_last_timestamp_seconds")) == 1
    assert totals.seen(event(count=7, version="2")).counted == {QUOTA: 2}
    assert totals.reported == [("a.1", 2)]


def test_what_a_later_list_shows_anew_counts_once() -> None:
    """As its difference to the list before: the new, and the grown."""
    totals = Totals().listed(event()).seen(event(count=3, version="2"), event("b.1", uid="2"), event("c.1", uid="3"))
    assert totals.counted == {QUOTA: 4}
    totals.seen(event(count=3, version="2"), event("b.1", uid="2"))
    assert totals.counted == {QUOTA: 4}
    assert totals.reported == [("a.1", 2), ("b.1", 1), ("c.1", 1)]


def test_an_event_of_the_first_list_that_could_not_be_decoded_is_history() -> None:
    """Its next version that can be decoded is not counted as a whole."""
    totals = Totals().listed(undecodable=("1",)).seen(event(count=9))
    assert totals.counted == {}
    assert totals.seen(event(count=10, version="2")).counted == {QUOTA: 1}


def test_a_deleted_event_changes_nothing() -> None:
    """By its time to live, or by hand."""
    totals = Totals().seen(event(count=2)).seen(removed=(event(count=2),))
    assert totals.counted == {QUOTA: 2}


def test_an_ended_series_that_is_written_again_counts_nothing_new() -> None:
    """The recorder finds no such Event and creates it again: the same name and eventTime, another uid."""
    totals = Totals().seen(event(count=2)).seen(removed=(event(count=2),)).seen(event(count=2, uid="2", version="9"))
    assert totals.counted == {QUOTA: 2}
    totals.seen(removed=(event(count=2, uid="2"),)).seen(event(count=14, uid="3", version="12"))
    assert totals.counted == {QUOTA: 14}


def test_an_event_of_the_same_name_at_another_time_is_another() -> None:
    """Namespace, name and eventTime together."""
    totals = Totals().seen(event(count=2)).seen(removed=(event(count=2),))
    later = event(uid="2", at="2026-11-23T11:00:00Z")
    assert totals.seen(later, event(uid="3", namespace="other")).counted == {QUOTA: 4}


def test_a_lower_count_is_no_growth() -> None:
    """An older version that a restored backup shows."""
    totals = Totals().seen(event(count=5)).seen(event(count=3, version="2")).seen(event(count=5, version="3"))
    assert totals.counted == {QUOTA: 5}


def test_deleted_events_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten first."""
    monkeypatch.setattr("exporter.collectors.event.MAX_DELETED_EVENTS", 2)
    dropped: list[None] = []
    seen = SeenEvents(lambda: dropped.append(None))
    keys = [decoded(event(f"a.{number}")).key for number in range(4)]
    for key in keys:
        assert seen.growth(key, 1) == 1
        seen.deleted(key)
    assert (len(seen), len(dropped)) == (2, 2)
    assert [seen.growth(key, 1) for key in keys] == [1, 1, 0, 0]


def test_deleted_events_of_one_namespace_do_not_displace_those_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever one tenant creates and deletes, an Event of another that is written again is not counted twice."""
    monkeypatch.setattr("exporter.collectors.event.MAX_DELETED_EVENTS", 100)
    totals = Totals().seen(event(count=15)).seen(removed=(event(count=15),))
    for number in range(500):
        other = event(f"x.{number}", uid=f"x{number}", namespace="hostile", reason="Other")
        totals.seen(other).seen(removed=(other,))
    totals.seen(event(uid="2", count=15))
    assert totals.counted == {QUOTA: 15, "Other": 500}


def test_of_an_event_only_what_identifies_it_is_stored() -> None:
    """Thousands are held for an hour; what was counted is not changed."""
    one = decoded(event(count=2))
    stored = EVENTS.stored(one)
    kept = {name for name in stored.__struct_fields__ if getattr(stored, name) is not None}
    assert kept == {"metadata", "event_time"}
    assert (stored.metadata.uid, stored.metadata.resource_version, stored.key) == ("1", "1", one.key)
    assert one.reason == QUOTA


# Bounds.


def test_reasons_of_strangers_are_bounded_and_kuberays_are_not() -> None:
    """The first 200 others are labels; then `other`; KubeRay's 91 always."""
    totals = Totals()
    for number in range(MAX_OTHER_REASONS + 50):
        totals.seen(event(f"x.{number}", uid=f"x{number}", reason=f"Odd{number}"))
    for number, reason in enumerate(sorted(KUBERAY_REASONS)):
        totals.seen(event(f"k.{number}", uid=f"k{number}", reason=reason))
    counted = totals.counted
    assert counted.pop("other") == 50
    assert len(counted) == MAX_OTHER_REASONS + len(KUBERAY_REASONS) == MAX_OTHER_REASONS + 91
    assert set(counted.values()) == {1}


def test_reasons_of_one_namespace_do_not_displace_those_of_another() -> None:
    """And its own are labels again when its series have ended."""
    totals = Totals()
    hostile = [event(f"x.{n}", uid=f"x{n}", namespace="hostile", reason=f"Odd{n}") for n in range(MAX_OTHER_REASONS)]
    totals.seen(*hostile, event(reason="Honest"), event("y", uid="y", namespace="hostile", reason="Late"))
    assert (totals.counted["Honest"], totals.counted["other"]) == (1, 1)
    totals.clock.advance(EMPTY_NAMESPACE_SECONDS)
    totals.totals.expire()
    totals.seen(event("z", uid="z", namespace="hostile", reason="Late", at="2026-11-24T10:00:00Z"))
    assert totals.counted["Late"] == 1


def test_warnings_of_one_namespace_do_not_displace_those_of_another() -> None:
    """The namespace that has most loses its oldest."""
    totals = Totals().seen(event(about_uid="honest"))
    hostile = range(MAX_WARNINGS + 10)
    totals.seen(*[event(f"{n}.1", uid=f"x{n}", about_uid=str(n), namespace="hostile") for n in hostile])
    lines = totals.lines("event_last_timestamp_seconds")
    assert (len(lines), sum('uid="honest"' in line for line in lines)) == (MAX_WARNINGS, 1)


def test_kinds_and_types_are_bounded() -> None:
    """Anyone may write an Event about a kind that does not exist."""
    (line,) = Totals().seen(event(kind="Odd", type_="Odd")).lines("events_total")
    assert 'kind="other"' in line
    assert 'type="other"' in line


def test_a_reason_cannot_break_a_line_and_is_cut() -> None:
    """A quote, a newline, a megabyte."""
    totals = Totals().seen(event(reason='a"\n\\b'), event("b.1", uid="2", reason="x" * 1_000_000))
    lines = totals.lines("events_total")
    assert len(lines) == 2
    assert 'reason="a\\"\\n\\\\b"' in "".join(lines)
    assert max(map(len, lines)) < 1200


def test_an_event_about_nothing_is_counted() -> None:
    """Without involvedObject, type, reason and series."""
    one = {"metadata": event()["metadata"]}
    assert Totals().seen(one).lines("events_total") == [
        'kuberay_events_total{kind="other",namespace="ns",reason="",type="other"} 1'
    ]


# How long series stay.


def test_the_time_of_a_warning_is_shown_for_an_hour() -> None:
    """From its last occurrence on; the counter stays."""
    totals = Totals().seen(event())
    totals.clock.advance(WARNING_SECONDS - 1)
    assert totals.lines("event_last_timestamp_seconds")
    totals.clock.advance(2)
    assert totals.lines("event_last_timestamp_seconds") == []
    assert totals.counted == {QUOTA: 1}


def test_a_later_occurrence_keeps_a_warning_longer_and_an_older_one_does_not() -> None:
    """Several Events about one object and reason are one series."""
    totals = Totals().seen(event())
    totals.clock.advance(1800)
    totals.seen(event("a.2", uid="2", at="2026-11-23T10:30:00Z"), event("a.3", uid="3", at="2026-11-23T10:10:00Z"))
    assert [line.rpartition(" ")[2] for line in totals.lines("event_last_timestamp_seconds")] == [str(SECONDS + 1800)]
    totals.clock.advance(2000)
    assert totals.lines("event_last_timestamp_seconds")
    totals.clock.advance(1700)
    assert totals.lines("event_last_timestamp_seconds") == []


@pytest.mark.parametrize("year", ["2020", "2099"])
def test_the_time_of_a_warning_is_shown_for_an_hour_at_most(year: str) -> None:
    """What occurred long ago, as the API server may keep it, is not shown; clocks may be ahead by any time."""
    totals = Totals().seen(event(at=f"{year}-11-23T10:00:00Z"))
    totals.clock.advance(WARNING_SECONDS - 1)
    assert len(totals.lines("event_last_timestamp_seconds")) == (year == "2099")
    totals.clock.advance(1)
    assert totals.lines("event_last_timestamp_seconds") == []


def test_the_time_of_a_warning_goes_with_its_object() -> None:
    """That of another object stays."""
    totals = Totals().seen(event(), event("b.1", uid="2", about="b", about_uid="v"))
    totals.totals.object_deleted("u")
    assert ['name="b"' in line for line in totals.lines("event_last_timestamp_seconds")] == [True]


def test_warnings_are_bounded() -> None:
    """The longest unchanged are dropped first, and counted."""
    dropped: list[int] = []
    totals = Totals(limits=Limits(series_dropped=dropped.append))
    totals.seen(*[event(f"{n}.1", uid=str(n), about_uid=str(n)) for n in range(MAX_WARNINGS + 10)])
    lines = totals.lines("event_last_timestamp_seconds")
    assert (len(lines), sum(dropped)) == (MAX_WARNINGS, 10)
    assert not any('uid="9"' in line for line in lines)


def test_more_warnings_than_the_bound_cost_no_more_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the bound, each new one drops the oldest, and nothing else is looked at."""
    totals = Totals()
    totals.seen(*[event(f"{n}.1", uid=str(n), about_uid=str(n)) for n in range(MAX_WARNINGS)])
    warnings = totals.totals._warnings
    assert warnings.expire() == []
    monkeypatch.setattr(warnings, "_drop_expired", None)  # a call of it would fail
    for number in range(100):
        totals.seen(event(f"x{number}.1", uid=f"x{number}", about_uid=f"x{number}"))
        assert len(warnings.expire()) == 1


def test_normal_events_have_no_time() -> None:
    """They are many, and nobody alerts on them."""
    assert Totals().seen(event(type_="Normal", reason="CreatedHeadPod")).lines("event_last_timestamp_seconds") == []


def test_a_namespace_beyond_the_maximum_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one without an occurrence for the longest time goes, and is reported."""
    monkeypatch.setattr("exporter.collectors.event_series.MAX_NAMESPACES", 2)
    dropped: list[int] = []
    counts = EventCounts(FakeClock(), lambda: dropped.append(1))
    keys = [counts.add(namespace, ("RayJob", "Warning", QUOTA), 1) for namespace in ("a", "b", "a", "c")]
    assert counts.expire() == [keys[1]]
    assert (counts.present_keys(), len(dropped)) == ([keys[0], keys[3]], 1)


def test_counters_of_a_namespace_go_a_day_after_its_last_occurrence() -> None:
    """And start at 0 again."""
    totals = Totals().seen(event(), event("b.1", uid="2", namespace="other"))
    totals.clock.advance(EMPTY_NAMESPACE_SECONDS - 10)
    totals.seen(event("b.2", uid="3", namespace="other", at="2026-11-24T10:00:00Z"))
    totals.clock.advance(10)
    assert ['namespace="other"' in line for line in totals.lines("events_total")] == [True]


# The table of reasons.
