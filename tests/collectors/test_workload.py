"""Workloads of Kueue: the five that it writes, what is bounded, and the totals of waits and evictions."""

import json
import re
from typing import Any

import msgspec
import pytest

from exporter.collectors.workload import CONDITIONS, REASONS, WORKLOADS
from exporter.resources.meta import MAX_COUNT
from tests.support.lifecycles import Lifecycles
from tests.support.objects import condition, decode, exposition, series
from tests.support.workloads import (
    ADMITTED_AGAIN,
    BACKOFF,
    FIVE,
    OPEN_CHECK,
    TOO_LARGE,
    WAITING,
    deactivated,
    recorded_workload,
    workload,
)

IDENTITY = ("namespace", "uid", "workload")
CREATED, AT, LATER = "2026-11-23T10:00:00Z", "2026-11-23T10:01:00Z", "2026-11-23T10:05:00Z"


def printed(version: dict[str, Any]) -> list[str]:
    """Return the series of one Workload without their prefix, identity, times of conditions, and constant ones."""
    lines = []
    for line in exposition(WORKLOADS, version).splitlines():
        if line.startswith("#") or "_status_condition" in line or "_created_" in line:
            continue
        name, _, rest = line.removeprefix("kuberay_workload_").partition("{")
        labels, _, value = rest.rpartition("} ")
        own = [one for one in labels.split(",") if one.partition("=")[0] not in IDENTITY]
        lines.append(f"{name} {','.join(own)} {value}")
    return sorted(lines)


OWNER = 'info owner_kind="{}",owner_name="{}",owner_uid="{}",priority_class="{}",queue="{}" 1'


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param(
            recorded_workload(WAITING),
            [
                "active  1",
                OWNER.format("RayJob", "train-llm", "5f7c2f5e-0d34-4c3a-9a52-1f1d1f0e6a01", "batch", "research"),
                'pending_reason reason="Pending" 1',
                'pending_resources resource="cpu" 68.5',
                'pending_resources resource="memory" 567145398272',
                'pending_resources resource="nvidia.com/gpu" 32',
                "priority  100",
                'state state="pending" 1',
                "waiting_since_timestamp_seconds  1787558400",
            ],
            id="waiting",
        ),
        pytest.param(
            recorded_workload(TOO_LARGE),
            [
                "active  1",
                OWNER.format("RayCluster", "notebook-ana", "0b6b2c0a-6d27-4a3e-8f3b-8b7f1c9d2e02", "", "research"),
                'pending_reason reason="ExceedsMaxQuota" 1',
                'pending_resources resource="cpu" 132',
                'pending_resources resource="nvidia.com/gpu" 64',
                "priority  0",
                'state state="pending" 1',
                "waiting_since_timestamp_seconds  1787559000",
            ],
            id="too large",
        ),
        pytest.param(
            recorded_workload(ADMITTED_AGAIN),
            [
                "active  1",
                'cluster_queue_info cluster_queue="research-cq" 1',
                'evictions_total cause="",reason="Preempted" 1',
                OWNER.format("RayJob", "nightly-etl", "c1a4a7c8-7a11-49b8-9d7a-2d5a3f6b7c03", "", "research"),
                "priority  10",
                'reserved_resources flavor="h100",resource="cpu" 64',
                'reserved_resources flavor="h100",resource="nvidia.com/gpu" 32',
                'reserved_resources flavor="on-demand",resource="cpu" 4.5',
                'state state="admitted" 1',
            ],
            id="admitted again",
        ),
        pytest.param(
            recorded_workload(BACKOFF),
            [
                "active  1",
                'evictions_total cause="WaitForStart",reason="PodsReadyTimeout" 2',
                OWNER.format("RayJob", "tune-sweep", "9e2d4b6f-33a0-4f6c-8c14-6a7b8c9d0e04", "", "research"),
                'pending_reason reason="Pending" 1',
                "priority  10",
                "requeue_at_timestamp_seconds  1787567580",
                "requeues  2",
                'state state="not_queued" 1',
            ],
            id="backoff",
        ),
        pytest.param(
            deactivated(),
            [
                "active  0",
                'evictions_total cause="WaitForStart",reason="PodsReadyTimeout" 2',
                OWNER.format("RayJob", "tune-sweep", "9e2d4b6f-33a0-4f6c-8c14-6a7b8c9d0e04", "", "research"),
                'pending_reason reason="Pending" 1',
                "priority  10",
                'state state="inactive" 1',
            ],
            id="deactivated",
        ),
        pytest.param(
            recorded_workload(OPEN_CHECK),
            [
                "active  1",
                'admission_check_state check="multikueue-prod",state="Pending" 1',
                'cluster_queue_info cluster_queue="serving-cq" 1',
                OWNER.format("RayService", "chat", "7d8e9f10-5b6c-4d7e-8f90-a1b2c3d4e505", "", "serving"),
                "priority  1000",
                'reserved_resources flavor="remote",resource="cpu" 4',
                'reserved_resources flavor="remote",resource="nvidia.com/gpu" 4',
                'state state="quota_reserved" 1',
                'worker_cluster_info role="nominated",worker_cluster="gpu-east" 1',
                'worker_cluster_info role="nominated",worker_cluster="gpu-west" 1',
            ],
            id="open check",
        ),
    ],
)
def test_a_workload_prints_its_families(version: dict[str, Any], expected: list[str]) -> None:
    """All series of Workloads as Kueue 0.19 writes them, but for those of conditions."""
    assert printed(version) == expected


def test_every_family_is_printed_by_one_of_the_five() -> None:
    """A row that is added needs a case."""
    printed = {
        line.split()[2] for version in FIVE for line in exposition(WORKLOADS, version).splitlines() if "HELP" in line
    }
    assert printed == {row.name for row in WORKLOADS.rows}


UNUSED = "insufficient unused quota for cpu in flavor f, 1 more needed"
MAXIMUM = (
    "insufficient quota for cpu in flavor g, previously considered podsets requests (2) + current podset request (4) "
    "> maximum capacity (5)"
)


@pytest.mark.parametrize(
    ("reason", "reasons", "expected"),
    [
        pytest.param("Pending", [MAXIMUM], "ExceedsMaxQuota", id="beyond the maximum"),
        pytest.param("Pending", [UNUSED, MAXIMUM], "Pending", id="another flavor has enough"),
        pytest.param("Pending", [UNUSED], "Pending", id="too little that is unused"),
        pytest.param("Pending", [MAXIMUM + "x" * 3000], "Pending", id="a message that is cut"),
        pytest.param("ExceedsMaxQuota", [], "ExceedsMaxQuota", id="as the reason says"),
        pytest.param("NoMatchingFlavor", [], "NoMatchingFlavor", id="another reason"),
        pytest.param("Whim", [], "other", id="an unknown reason"),
    ],
)
def test_a_reason_beyond_the_quota_is_derived_from_the_message(reason: str, reasons: list[str], expected: str) -> None:
    """Before Kueue 0.20 the reason is `Pending`, whatever is missing; of the message nothing is a label or is kept."""
    message = f"couldn't assign flavors to pod set head: {', '.join(reasons)}"
    one = workload(condition("QuotaReserved", "False", reason=reason, message=message))
    (line,) = series(WORKLOADS, "kuberay_workload_pending_reason", one)
    assert f'reason="{expected}"' in line
    assert decode(WORKLOADS, one).status.conditions[0].message is None


@pytest.mark.parametrize("number", [WAITING, ADMITTED_AGAIN])
def test_a_finished_workload_neither_has_quota_nor_waits_for_it(number: int) -> None:
    """Kueue leaves `status.admission` in it: the sums of a namespace would grow with each job that ends."""
    before, after = recorded_workload(number), recorded_workload(number)
    after["status"]["conditions"].append(condition("Finished", "True", LATER, reason="Succeeded"))
    of_quota = re.compile("kuberay_workload_(cluster_queue_info|reserved_resources|pending_re|waiting_since).*{")
    assert of_quota.search(exposition(WORKLOADS, before))
    assert not of_quota.search(exposition(WORKLOADS, before, after))


def test_conditions_have_the_families_of_all_kinds() -> None:
    """With the time of the last change of the status, which is not that of the reason."""
    labels = 'namespace="ml-research",reason="ExceedsMaxQuota",uid="a0000000-0000-4000-8000-000000000002"'
    family = "kuberay_workload_status_condition_reason"
    assert series(WORKLOADS, family, recorded_workload(TOO_LARGE)) == [
        f'{family}{{condition="QuotaReserved",{labels},workload="raycluster-notebook-ana-96124"}} 1'
    ]


def one_state(*conditions: dict[str, Any], **spec: Any) -> str:
    return str(decode(WORKLOADS, workload(*conditions, spec=spec)).state)


QUOTA, NO_QUOTA = condition("QuotaReserved", "True", AT), condition("QuotaReserved", "False", AT)
EVICTED, NOT_EVICTED = condition("Evicted", "True", AT, reason="Preempted"), condition("Evicted", "False", AT)


@pytest.mark.parametrize(
    ("conditions", "spec", "state"),
    [
        ([condition("Finished", "True"), QUOTA], {"active": False}, "finished"),
        ([EVICTED, QUOTA], {"active": False}, "inactive"),
        ([EVICTED, QUOTA, condition("Admitted", "True")], {}, "evicting"),
        ([QUOTA, condition("Admitted", "True"), NOT_EVICTED], {}, "admitted"),
        ([QUOTA, condition("Admitted", "False")], {}, "quota_reserved"),
        ([NO_QUOTA, EVICTED, condition("Requeued", "False")], {}, "not_queued"),
        # Admission does not reset Requeued.
        ([QUOTA, condition("Admitted", "True"), condition("Requeued", "False")], {}, "admitted"),
        ([condition("QuotaReserved", "False", reason="OnHold")], {}, "held"),
        ([condition("QuotaReserved", "False", reason="AdmissionGated")], {}, "held"),
        ([NO_QUOTA, EVICTED, condition("Requeued", "True")], {}, "pending"),
        ([], {"active": None}, "pending"),
    ],
)
def test_the_state_is_the_first_that_holds(conditions: list[dict[str, Any]], spec: dict[str, Any], state: str) -> None:
    """One word of what several conditions say together."""
    assert one_state(*conditions, **spec) == state


@pytest.mark.parametrize(
    ("conditions", "since"),
    [
        pytest.param([], CREATED, id="never evaluated"),
        pytest.param([NO_QUOTA], CREATED, id="first evaluation"),
        pytest.param([condition("QuotaReserved", "False", LATER), EVICTED], LATER, id="evicted"),
        pytest.param([NO_QUOTA, EVICTED, condition("Requeued", "True", LATER)], LATER, id="requeued"),
        pytest.param([condition("QuotaReserved", "False", LATER), EVICTED, condition("Requeued", "True", AT)], LATER,
            id="second preemption"),
    ],
)  # fmt: skip
def test_a_wait_begins_with_the_creation_or_the_return_to_the_queue(
    conditions: list[dict[str, Any]], since: str
) -> None:
    """The first evaluation does not end a wait, and Requeued stays true at a second preemption."""
    found = decode(WORKLOADS, workload(*conditions)).waiting_since
    assert found.strftime("%Y-%m-%dT%H:%M:%SZ") == since


def test_the_priority_class_of_the_older_version_is_another_field() -> None:
    """`priorityClassName` of v1beta1."""
    older = workload(spec={"priorityClassName": "batch", "priorityClassSource": "kueue.x-k8s.io/workloadpriorityclass"})
    assert 'priority_class="batch"' in series(WORKLOADS, "kuberay_workload_info", older)[0]


def test_what_anyone_may_write_does_not_become_a_label() -> None:
    """Unknown types, reasons, causes and states are `other`, in one series each; messages never are labels."""
    odd = workload(
        condition("MyType", "True", reason="Mine", message="secret"),
        condition("YourType", "False", reason="Yours"),
        condition("Evicted", "True", reason="DeactivatedDueToWhim"),
        admissionChecks=[{"name": "c", "state": "Maybe"}, {"name": "c", "state": "Ready"}],
        schedulingStats={
            "evictions": [
                {"reason": "Whim", "underlyingCause": "x", "count": 1},
                {"reason": "Fancy", "underlyingCause": "y", "count": 2},
            ]
        },
        nominatedClusterNames=["w", "w"],
    )
    text = exposition(WORKLOADS, odd)
    assert not any(word in text for word in ("MyType", "Mine", "secret", "Yours", "Whim", "Fancy", "Maybe"))
    lines = [line for line in text.splitlines() if line[0] != "#"]
    assert len({line.rpartition(" ")[0] for line in lines}) == len(lines), "a series twice"
    assert [line for line in printed(odd) if line.startswith("evictions")] == [
        'evictions_total cause="other",reason="other" 3'
    ]


def test_known_words_are_bounded() -> None:
    """So many series a Workload can have of its conditions at most: each type once."""
    assert len(CONDITIONS) == 9
    assert len(REASONS) < 100
    many = workload(*(condition(f"Type{number}", "True", reason=f"R{number}") for number in range(200)))
    assert len(series(WORKLOADS, "kuberay_workload_status_condition", many)) == 1


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"admission": {"podSetAssignments": [{"resourceUsage": {"cpu": "many"}}]}}, id="no quantity"),
        pytest.param({"resourceRequests": [{"resources": {"memory": "9e30"}}]}, id="a huge quantity"),
        pytest.param({"requeueState": {"count": MAX_COUNT + 1}}, id="a huge count"),
        pytest.param({"schedulingStats": {"evictions": [{"count": "2"}]}}, id="a wrong type"),
        pytest.param({"conditions": [{"status": "True"}]}, id="no type"),
    ],
)
def test_values_that_cannot_be_right_make_a_workload_undecodable(status: dict[str, Any]) -> None:
    """Its last valid lines stay, and it is counted."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(workload(**status)), type=WORKLOADS.object_type)


def test_negative_number_of_requeues_is_absent() -> None:
    """It is no number of times; the time beside it counts."""
    odd = workload(requeueState={"count": -3, "requeueAt": LATER})
    assert series(WORKLOADS, "kuberay_workload_requeues", odd) == []
    assert len(series(WORKLOADS, "kuberay_workload_requeue_at_timestamp_seconds", odd)) == 1


def test_many_resources_of_a_workload_are_cut_and_counted() -> None:
    """Names of resources come from pod templates, which tenants write."""
    many = workload(resourceRequests=[{"resources": {f"example.com/r{number}": "1" for number in range(1500)}}])
    assert len(series(WORKLOADS, "kuberay_workload_pending_resources", many)) == 1000


# Totals.


def counted(*versions: dict[str, Any], first: tuple[dict[str, Any], ...] = ()) -> dict[str, float]:
    """Return counts and sums after a first list and these versions, with short names."""
    lifecycles = Lifecycles(WORKLOADS).on_list(*first)
    for version in versions:
        lifecycles.change(version)
    short = {"quota_wait_duration_seconds": "wait", "admission_check_duration_seconds": "check"}
    totals = {}
    for name, value in lifecycles.counted().items():
        if "_bucket" not in name:
            family, *labels = name.split(" ")
            for long, word in short.items():
                family = family.replace(long, word)
            totals[" ".join([family, *labels])] = value
    return totals


def test_the_first_wait_follows_from_one_version() -> None:
    """From the creation to the reservation, also if the exporter sees the Workload only then."""
    expected = {"wait_count RayJob": 1, "wait_sum RayJob": 60}
    assert counted(workload(), workload(NO_QUOTA), workload(QUOTA), workload(QUOTA, priority=1)) == expected
    assert counted(workload(QUOTA)) == expected


def test_a_later_wait_needs_the_version_before() -> None:
    """After a start of the exporter it is left out, as its beginning is not known."""
    admitted = recorded_workload(ADMITTED_AGAIN)
    waiting = recorded_workload(ADMITTED_AGAIN)
    waiting["status"]["conditions"] = [
        condition("QuotaReserved", "False", "2026-08-24T09:05:09Z", reason="Pending"),
        condition("Evicted", "True", "2026-08-24T09:05:00Z", reason="Preempted"),
        condition("Requeued", "True", "2026-08-24T09:05:10Z", reason="Preempted"),
    ]
    lifecycles = Lifecycles(WORKLOADS).on_list(waiting).change(admitted)
    waits = {name: value for name, value in lifecycles.counted("ml-research").items() if "quota_wait" in name}
    assert waits["quota_wait_duration_seconds_sum RayJob"] == 890
    assert Lifecycles(WORKLOADS).on_list().change(admitted).counted("ml-research") == {
        "evictions  RayJob Preempted": 1
    }, "the end of a wait that was not seen"


def test_what_the_first_list_shows_is_history() -> None:
    """Waits and evictions before the start of the exporter."""
    seen = workload(QUOTA, schedulingStats={"evictions": [{"reason": "Preempted", "count": 1}]})
    assert counted(seen, first=(seen,)) == {}


def test_a_reservation_counts_once_and_again_after_an_eviction() -> None:
    """Whatever else changes meanwhile; times are those of the conditions."""
    again = condition("QuotaReserved", "True", LATER)
    waiting = workload(condition("QuotaReserved", "False", "2026-11-23T10:04:00Z"), EVICTED)
    assert counted(workload(QUOTA), workload(QUOTA, EVICTED), waiting, workload(again, NOT_EVICTED)) == {
        "wait_count RayJob": 2,
        "wait_sum RayJob": 120,
    }


def test_checks_are_measured_from_the_reservation_to_the_admission() -> None:
    """Only of Workloads that have checks; those without are admitted in the same second."""
    admitted = condition("Admitted", "True", LATER)
    checks = [{"name": "c", "state": "Ready"}]
    assert counted(workload(QUOTA), workload(QUOTA, admitted, admissionChecks=checks)) == {
        "wait_count RayJob": 1,
        "wait_sum RayJob": 60,
        "check_count RayJob": 1,
        "check_sum RayJob": 240,
    }
    assert "check_count RayJob" not in counted(workload(QUOTA, admitted))


def evicted(**counts: int) -> dict[str, Any]:
    """Return a Workload that was evicted as often as given by `reason__cause`."""
    entries = [
        {"reason": reason, "underlyingCause": cause, "count": count}
        for name, count in counts.items()
        for reason, _, cause in [name.partition("__")]
    ]
    return workload(schedulingStats={"evictions": entries})


def test_evictions_of_several_reasons_in_one_version_count_by_reason() -> None:
    """As a list after an outage shows them."""
    before = evicted(Preempted=3)
    after = evicted(Preempted=5, PodsReadyTimeout__WaitForStart=2, Deactivated__RequeuingLimitExceeded=1)
    assert counted(after, after, first=(before,)) == {
        "evictions  RayJob Preempted": 2,
        "evictions WaitForStart RayJob PodsReadyTimeout": 2,
        "evictions RequeuingLimitExceeded RayJob Deactivated": 1,
    }


def test_known_evictions_exist_at_0() -> None:
    """So that `increase()` sees the first one."""
    lifecycles = Lifecycles(WORKLOADS).on_list(workload())
    zeros = [sample for sample in lifecycles.totals.samples("ns")[2] if not sample.value]
    assert len(zeros) == 33
