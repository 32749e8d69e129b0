"""Any objects that an API server could hold: never a crash, always JSON, and nothing that controls a terminal."""

import json
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from hypothesis import given
from hypothesis import strategies as st

from exporter.commands.explain import report
from exporter.commands.explain.inputs import Objects
from exporter.diagnosis.causes import Cause
from exporter.diagnosis.related import Known
from exporter.kinds import DIAGNOSED
from exporter.views.views import page_of, view_of
from exporter.web.snapshot import make_snapshot
from tests.support.fleets import ago, event, findings, pod
from tests.support.objects import condition
from tests.support.objects import manifest as made_of
from tests.test_arbitrary import OBJECTS, mostly

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MESSAGES = st.text() | st.sampled_from(["exceeded quota: q", 'image "x"', "3 Insufficient cpu", "a\x1b[2J", "x" * 2000])
NAMES = st.sampled_from("ab")


def related(obj: dict[str, Any], name: str, message: Any) -> dict[str, Any]:
    """Return an object that belongs to others of its list, with a message wherever there can be one."""
    labels = {"ray.io/cluster": name, "ray.io/node-type": "head", "ray.io/originated-from-cr-name": name}
    obj = obj | {"metadata": obj["metadata"] | {"name": name, "namespace": "ns", "labels": labels}}
    status = obj.get("status")
    if isinstance(status, dict):
        obj["status"] = status | {"message": message, "rayClusterName": name}
        conditions = status.get("conditions")
        for condition in conditions if isinstance(conditions, list) else ():
            if isinstance(condition, dict):
                condition["message"] = message
    return obj


RELATED = st.builds(related, OBJECTS, NAMES, mostly(MESSAGES))


@given(st.lists(st.tuples(st.sampled_from([*DIAGNOSED, "Pod", "Event"]), RELATED), max_size=8))
def test_any_objects_are_diagnosed(objects: list[tuple[str, dict[str, Any]]]) -> None:
    """Each that can be decoded has a view and a page; causes are from the list, and texts have a bounded length."""
    collected = Objects(lambda _: None)
    for kind, manifest in objects:
        collected.add(kind, json.dumps(manifest).encode())
    fleet = collected.fleet(Known())
    snapshot = make_snapshot(fleet, NOW)
    assert len(snapshot.entries) == len(fleet)
    for obj in fleet:
        page = json.loads(msgspec.json.encode(page_of(obj, fleet, NOW)))
        for finding in page["object"]["findings"]:
            assert finding["cause"] in set(Cause)
            assert len(finding["sentence"]) < 2000
        text = "".join(click.unstyle(line) for line in report.chain(view_of(obj, fleet, NOW), fleet.known, fleet, NOW))
        assert text.isprintable()


LONG_AGO = {"hours": 3}
CONDITIONS = st.sampled_from(["True", "False", "Unknown"])
WORDS = st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=12)


def said(type_: str, status: str) -> dict[str, Any]:
    return condition(type_, status, ago(**LONG_AGO))


def pod_of(
    phase: str, reason: str, ready: str, waits: str, *, deleted: bool
) -> tuple[tuple[str, dict[str, Any]], bool]:
    """Return a pod, and whether it is known to be well."""
    state = {"waiting": {"reason": waits}} if waits else {"running": {"startedAt": ago(**LONG_AGO)}}
    conditions = [said("PodScheduled", "True"), said("Ready", ready)]
    kind, made = pod(
        "p", phase=phase, reason=reason, conditions=conditions, containerStatuses=[{"name": "r", "state": state}]
    )
    if deleted:
        made["metadata"]["deletionTimestamp"] = ago(hours=2)
    return (kind, made), (phase, reason, ready, waits, deleted) == ("Running", "", "True", "", False)


PODS = st.builds(
    pod_of,
    st.sampled_from(["Running", "Running", "Pending", "Failed", "Unknown", "Succeeded"]) | WORDS,
    st.just("") | st.sampled_from(["Evicted", "NodeLost"]) | WORDS,
    st.just("True") | CONDITIONS,
    st.just("") | WORDS,
    deleted=st.booleans(),
)
CLUSTERS = st.builds(
    lambda state, head: (
        (
            "RayCluster",
            made_of({"state": state, "conditions": [said("HeadPodReady", head)], "lastUpdateTime": ago(hours=3)}),
        ),
        (state, head) == ("ready", "True"),
    ),
    st.just("ready") | st.sampled_from(["", "failed", "unhealthy", "suspended"]) | WORDS,
    st.just("True") | CONDITIONS,
)
JOBS = st.builds(
    lambda state, of_ray, cluster: (
        (
            "RayJob",
            made_of(
                {
                    "jobDeploymentStatus": state,
                    "jobStatus": of_ray,
                    "rayClusterName": cluster,
                    "startTime": ago(hours=3),
                }
            ),
        ),
        (state, of_ray) in (("Complete", "SUCCEEDED"), ("Complete", "STOPPED"), ("Complete", ""))
        or (state, of_ray, cluster) == ("Running", "RUNNING", "c"),
    ),
    st.sampled_from(["Running", "Complete", "", "Initializing", "Retrying", "Suspending", "Failed"]) | WORDS,
    st.sampled_from(["RUNNING", "SUCCEEDED", "", "PENDING", "STOPPED", "FAILED"]) | WORDS,
    st.sampled_from(["c", ""]),
)
SERVICES = st.builds(
    lambda ready, reason, app, deployment, endpoints: (
        (
            "RayService",
            made_of(
                {
                    "conditions": [said("Ready", ready) | {"reason": reason}],
                    "numServeEndpoints": endpoints,
                    "lastUpdateTime": ago(hours=3),
                    "activeServiceStatus": {
                        "applicationStatuses": {
                            "a": {"status": app, "serveDeploymentStatuses": {"d": {"status": deployment}}}
                        }
                    },
                }
            ),
        ),
        (ready, app, deployment) == ("True", "RUNNING", "HEALTHY") and endpoints > 0,
    ),
    st.just("True") | CONDITIONS,
    st.sampled_from(["Initializing", "ZeroServeEndpoints"]) | WORDS,
    st.just("RUNNING") | st.sampled_from(["DEPLOYING", "NOT_STARTED"]) | WORDS,
    st.just("HEALTHY") | st.sampled_from(["UPDATING", "UNHEALTHY"]) | WORDS,
    st.integers(0, 3),
)
OLD_SERVICES = st.builds(
    lambda state: (
        ("RayService", made_of({"serviceStatus": state, "lastUpdateTime": ago(hours=3)})),
        state == "Running",
    ),
    st.just("Running") | st.sampled_from(["", "WaitForDashboard"]) | WORDS,
)


@given(CLUSTERS | JOBS | SERVICES | OLD_SERVICES, PODS, st.none() | WORDS, st.sampled_from(["object", "pod"]))
def test_only_what_is_known_to_be_well_has_no_finding(
    made: tuple[tuple[str, dict[str, Any]], bool],
    made_pod: tuple[tuple[str, dict[str, Any]], bool],
    warning: str | None,
    about: str,
) -> None:
    """Whatever the state of an object, its pod and the newest Event are: without a finding, all three are well."""
    (one, is_well), (of_cluster, is_pod_well) = made, made_pod
    objects, is_cluster = [one], one[0] == "RayCluster"
    if is_cluster:
        objects.append(of_cluster)
    if warning is not None and (about == "object" or is_cluster):
        kind, name = (one[0], "a") if about == "object" else ("Pod", "p")
        objects.append(event(kind, name, warning, ago(minutes=1), "text"))
    is_well = is_well and (is_pod_well or not is_cluster) and len(objects) == 1 + is_cluster
    assert bool(findings(*objects, known=Known(clusters=False))) is not is_well
