"""Any JSON that an API server could hold as an object of these kinds: never a crash, always a valid exposition."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from exporter.collectors.event import EVENTS, EventTotals
from exporter.collectors.raycluster import RAYCLUSTERS
from exporter.collectors.rayjob import RAYJOBS
from exporter.errors import DecodeError
from exporter.exposition.exposition import Exposition
from exporter.exposition.text import Format
from exporter.families.integrals import Integrals, LabelledIntegrals
from exporter.families.lifecycle import LifecycleTotals
from exporter.families.object_families import ObjectFamilies
from exporter.kinds import DIAGNOSED, KINDS
from exporter.kube import wire
from exporter.pipeline.event_log import log_event
from exporter.pipeline.job_log import JobLog
from tests.support.bodies import parse
from tests.support.clocks import StoppedClock
from tests.support.metrics_stores import metrics_store

BY_PLURAL = {kind.plural: kind for kind in KINDS}

ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
STATES = st.sampled_from(["", "Initializing", "Running", "Complete", "Failed", "Retrying", "Suspended"]) | st.text()


def mostly(field: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Seldom something else: one wrong field makes the whole object undecodable."""
    return st.integers(0, 29).flatmap(lambda number: ANY_JSON if number == 29 else field)


def mapping(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A mapping with any of these fields, mostly as they should be, and others."""
    expected = st.fixed_dictionaries({}, optional={name: mostly(field) for name, field in fields.items()})
    return st.builds(lambda known, other: other | known, expected, st.dictionaries(st.text(), ANY_JSON, max_size=2))


GOOD_TIMES = [
    "2026-11-23T10:00:00Z",
    "2026-11-23T11:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
]
TIMES = st.datetimes().map(lambda time: time.isoformat() + "Z") | mostly(st.sampled_from(GOOD_TIMES))
CONDITIONS = st.lists(
    mapping(
        type=st.sampled_from(
            [
                *("RayClusterProvisioned", "RayClusterSuspended", "Ready", "UpgradeInProgress", "RollbackInProgress"),
                *("PodScheduled", "Initialized"),
            ]
        )
        | st.text(),
        status=st.sampled_from(["True", "False", "Unknown"]) | st.text(),
        reason=st.text(),
        lastTransitionTime=TIMES,
    ),
    max_size=4,
)
QUANTITIES = st.integers() | mostly(st.sampled_from(["100m", "1.5Gi", "1e3"]))
ROLES = mapping(
    rayClusterName=st.text(),
    targetCapacity=st.integers(),
    trafficRoutedPercent=st.integers(),
    lastTrafficMigratedTime=TIMES,
    applicationStatuses=st.dictionaries(
        st.text(),
        st.none()
        | mapping(
            status=st.text(),
            serveDeploymentStatuses=st.dictionaries(st.text(), st.none() | mapping(status=st.text()), max_size=2),
        ),
        max_size=2,
    ),
)
AMOUNTS = st.dictionaries(st.sampled_from(["nvidia.com/gpu", "a/b", "cpu"]) | st.text(), ANY_JSON | QUANTITIES)
POD_CONTAINERS = st.lists(
    mapping(resources=mapping(limits=AMOUNTS, requests=AMOUNTS), restartPolicy=st.just("Always")), max_size=2
)
CLAIMS = st.lists(mapping(resourceClaimName=st.text(), resourceClaimTemplateName=st.text()), max_size=2)
TEMPLATES = mapping(spec=mapping(containers=POD_CONTAINERS, initContainers=POD_CONTAINERS, resourceClaims=CLAIMS))
GROUPS = mapping(
    groupName=st.sampled_from(["a", "b"]) | st.text(),
    replicas=st.integers(),
    minReplicas=st.integers(),
    maxReplicas=st.integers(),
    numOfHosts=st.integers(),
    suspend=st.booleans(),
    scaleStrategy=mapping(scaleGate=st.lists(mapping(name=st.text()), max_size=2)),
    template=TEMPLATES,
)
POLICIES = mapping(policy=st.sampled_from(["DeleteSelf", "DeleteCluster"]) | st.text())
DELETION = mapping(
    deletionRules=st.lists(
        mapping(
            policy=st.sampled_from(["DeleteSelf", "DeleteCluster"]) | st.text(),
            condition=mapping(jobStatus=st.text(), jobDeploymentStatus=st.text(), ttlSeconds=st.integers()),
        ),
        max_size=3,
    ),
    onSuccess=POLICIES,
    onFailure=POLICIES,
)
CONTAINER_STATES = mapping(
    waiting=st.none() | mapping(reason=st.text()),
    running=st.none() | mapping(startedAt=TIMES),
    terminated=st.none() | mapping(reason=st.text(), exitCode=st.integers(), signal=st.integers(), finishedAt=TIMES),
)
CONTAINERS = st.lists(
    mapping(
        name=st.text(),
        ready=st.booleans(),
        started=st.booleans(),
        restartCount=st.integers(),
        state=CONTAINER_STATES,
        lastState=CONTAINER_STATES,
    ),
    max_size=2,
)
EVENT_FIELDS = {
    "involvedObject": mapping(kind=st.sampled_from(["RayJob"]) | st.text(), name=st.text(), uid=st.text()),
    "type": st.sampled_from(["Normal", "Warning"]) | st.text(),
    "reason": st.sampled_from(["InvalidRayJobSpec"]) | st.text(),
    "action": st.text(),
    "message": st.text(),
    "count": st.integers(),
    "series": st.none() | mapping(count=st.integers(), lastObservedTime=TIMES),
    "eventTime": st.none() | TIMES,
    "firstTimestamp": st.none() | TIMES,
    "lastTimestamp": st.none() | TIMES,
}
OBJECTS = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"name": st.text(min_size=1), "uid": st.sampled_from("abc"), "namespace": st.text()},
            optional={
                "resourceVersion": st.text(),
                "creationTimestamp": TIMES,
                "deletionTimestamp": TIMES,
                "labels": st.dictionaries(
                    st.sampled_from(["ray.io/originated-from-crd", "ray.io/cronjob-name", "a.b", "a/b"]) | st.text(),
                    st.none() | st.text(),
                    max_size=4,
                ),
                "managedFields": st.lists(
                    mapping(manager=st.just("kuberay-operator"), subresource=st.just("status"), time=TIMES), max_size=3
                ),
            },
        )
    },
    optional={
        **EVENT_FIELDS,
        "status": mapping(
            phase=st.sampled_from(["Pending", "Running", "Failed", "Succeeded"]) | st.text(),
            initContainerStatuses=CONTAINERS,
            containerStatuses=CONTAINERS,
            conditions=CONDITIONS,
            state=st.text(),
            stateTransitionTimes=st.dictionaries(
                st.sampled_from(["ready", "suspended"]) | st.text(), TIMES, max_size=3
            ),
            readyWorkerReplicas=st.integers(),
            desiredWorkerReplicas=st.integers(),
            maxWorkerReplicas=st.integers(),
            desiredCPU=QUANTITIES,
            desiredMemory=QUANTITIES,
            head=mapping(podName=st.text(), serviceName=st.text()),
            jobStatus=st.sampled_from(["", "SUCCEEDED", "STOPPED", "FAILED"]) | st.text(),
            reason=st.sampled_from(["AppFailed", "DeadlineExceeded"]) | st.text(),
            rayClusterName=st.text(),
            jobId=st.text(),
            rayJobInfo=mapping(startTime=TIMES, endTime=TIMES),
            numServeEndpoints=st.integers(),
            activeServiceStatus=ROLES,
            pendingServiceStatus=ROLES,
            lastScheduleTime=TIMES,
            jobDeploymentStatus=STATES,
            startTime=TIMES,
            endTime=TIMES,
            jobStatusCheckFailureStartTime=TIMES,
            failed=st.integers(),
        ),
        "spec": mapping(
            nodeName=st.text(),
            initContainers=st.lists(mapping(name=st.text(), restartPolicy=st.just("Always")), max_size=2),
            rayVersion=st.text(),
            enableInTreeAutoscaling=st.booleans(),
            suspend=st.booleans(),
            idleSuspend=st.booleans() | ANY_JSON,
            rayClusterConfig=mapping(suspend=st.booleans()),
            headGroupSpec=mapping(template=TEMPLATES),
            workerGroupSpecs=st.lists(GROUPS, max_size=3),
            deletionStrategy=DELETION,
            ttlSecondsAfterFinished=st.integers(),
            shutdownAfterJobFinishes=st.booleans(),
            upgradeStrategy=mapping(
                type=st.text(),
                clusterUpgradeOptions=mapping(
                    maxSurgePercent=st.integers(), stepSizePercent=st.integers(), intervalSeconds=st.integers()
                ),
            ),
            managedBy=st.text(),
            backoffLimit=st.integers(),
            submissionMode=st.text(),
            schedule=st.text(),
            timeZone=st.text(),
        ),
    },
)


@given(st.lists(st.tuples(st.sampled_from(sorted(BY_PLURAL)), OBJECTS), max_size=8), st.none() | st.floats(0, 2e9))
def test_any_objects_in_any_order(received: list[tuple[str, Any]], received_at: float | None) -> None:
    """Each is decoded or refused; what is printed is valid in both formats, and `collect` agrees with it."""
    present: dict[str, dict[str, Any]] = {kind.plural: {} for kind in KINDS}
    clock = StoppedClock(received_at or 0.0)
    stores = {
        kind.plural: metrics_store(
            ObjectFamilies(kind, user_labels=("*",)),
            EventTotals(report=log_event, kinds=DIAGNOSED) if kind is EVENTS else LifecycleTotals(kind, (10.0, 60.0)),
            Integrals(kind, clock=clock),
            *([LabelledIntegrals(kind, clock=clock)] if kind is RAYCLUSTERS else []),
            clock=clock,
            receipt_time=lambda: received_at,
        )
        for kind in KINDS
    }
    jobs = JobLog(("*",))
    for plural, version in received:
        kind = BY_PLURAL[plural]
        data = json.dumps(version).encode()
        try:
            obj = wire.decode(msgspec.json.Decoder(kind.object_type), data)
        except DecodeError:
            continue
        present[kind.plural][obj.metadata.uid] = obj
        stores[kind.plural].on_change([obj], [])
        if kind is RAYJOBS:
            jobs.update([obj], (), None)
    registry = CollectorRegistry()
    for store in stores.values():
        registry.register(store)
    fast = Exposition(list(stores.values()), CollectorRegistry())
    slow = Exposition([], registry)
    families = parse(bytes(fast.body(Format.OPENMETRICS)), openmetrics=True)
    assert parse(bytes(fast.body(Format.TEXT))) == families == parse(bytes(slow.body(Format.TEXT)))
    created = {f"kuberay_{kind.plural.removeprefix('ray')}_created" for kind in KINDS}
    counted = sum(sum(family.series.values()) for name, family in families.items() if name in created)
    assert counted == sum(len(present[plural]) for plural in ("rayclusters", "rayjobs", "rayservices"))


@given(st.binary() | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_as_an_object(data: bytes) -> None:
    """Decoded or refused with our own error, whatever they are."""
    for kind in KINDS:
        try:
            wire.decode(msgspec.json.Decoder(kind.object_type), data)
        except DecodeError:
            wire.identify(data)
