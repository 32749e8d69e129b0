"""What RayClusters request by name: extended resources and claims of devices."""

import json
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import msgspec
import pytest
import yaml

from exporter.collectors.extended_resources import HEAD_GROUP, desired_resources
from exporter.collectors.raycluster import RAYCLUSTERS
from exporter.errors import DecodeError
from exporter.families.namespaces import EMPTY_NAMESPACE_SECONDS
from exporter.kube import wire
from exporter.resources import pod_request
from exporter.resources.meta import cut_parts
from exporter.resources.pod_request import MAX_NAMES, MAX_NEW_NAMES, MAX_PROCESS_NAMES
from exporter.resources.raycluster import PodGroupsSpec, RayCluster
from tests.support.clusters import Clusters, cluster
from tests.support.objects import condition, decode, manifest, series
from tests.support.recordings import captures, stream

DESIRED = "kuberay_cluster_desired_extended_resources"
OF_GROUPS = "kuberay_cluster_group_pod_extended_resources"
CLAIMS = "kuberay_cluster_desired_resource_claims"

HEAD = {"template": {"spec": {"containers": [{"name": "h"}]}}}

# fmt: off
INPUTS = """
plain: {headGroupSpec: {template: {spec: {containers: [{name: h, resources: {requests: {cpu: "4"}, limits: {cpu: "4"}}}]}}}, workerGroupSpecs: [{groupName: gpu, replicas: 4, minReplicas: 0, maxReplicas: 8, numOfHosts: 1, template: {spec: {containers: [{name: w, resources: {requests: {nvidia.com/gpu: "8"}, limits: {nvidia.com/gpu: "8"}}}]}}}]}
MIG and sharing: {headGroupSpec: {template: {spec: {containers: [{name: h}]}}}, workerGroupSpecs: [{groupName: a, replicas: 3, numOfHosts: 1, template: {spec: {containers: [{name: w, resources: {limits: {nvidia.com/mig-1g.10gb: "2"}}}]}}}, {groupName: b, replicas: 2, numOfHosts: 1, template: {spec: {containers: [{name: w, resources: {limits: {nvidia.com/mig-1g.10gb.me: "1"}}}]}}}, {groupName: c, replicas: 5, numOfHosts: 1, template: {spec: {containers: [{name: w, resources: {limits: {nvidia.com/gpu.shared: "1"}}}]}}}]}
NPUs: {headGroupSpec: {template: {spec: {containers: [{name: h}]}}}, workerGroupSpecs: [{groupName: a, replicas: 2, numOfHosts: 1, template: {spec: {containers: [{name: w, resources: {limits: {huawei.com/Ascend910: "8"}}}]}}}, {groupName: b, replicas: 1, numOfHosts: 1, template: {spec: {containers: [{name: w, resources: {limits: {habana.ai/gaudi: "8"}}}]}}}, {groupName: c, replicas: 2, numOfHosts: 1, template: {spec: {containers: [{name: w, resources: {limits: {aws.amazon.com/neuroncore: "32", vpc.amazonaws.com/efa: "1"}}}]}}}, {groupName: d, replicas: 1, numOfHosts: 1, template: {spec: {containers: [{name: w, resources: {limits: {gpu.intel.com/i915: "2"}}}]}}}]}
multi-host TPU: {headGroupSpec: {template: {spec: {containers: [{name: h}]}}}, workerGroupSpecs: [{groupName: tpu, replicas: 2, numOfHosts: 4, template: {spec: {containers: [{name: w, resources: {requests: {google.com/tpu: "4"}, limits: {google.com/tpu: "4"}}}]}}}]}
limits of replicas, suspension, sidecars: {headGroupSpec: {template: {spec: {containers: [{name: h, resources: {limits: {nvidia.com/gpu: "1"}}}]}}}, workerGroupSpecs: [{groupName: a, minReplicas: 2, maxReplicas: 5, numOfHosts: 1, template: {spec: {containers: [{name: w, resources: {limits: {nvidia.com/gpu: "4"}}}]}}}, {groupName: b, replicas: 6, minReplicas: 0, maxReplicas: 4, numOfHosts: 1, template: {spec: {initContainers: [{name: s, restartPolicy: Always, resources: {limits: {nvidia.com/gpu: "1"}}}, {name: once, resources: {limits: {nvidia.com/gpu: "2"}}}], containers: [{name: w, resources: {limits: {nvidia.com/gpu: "1"}}}]}}}, {groupName: c, replicas: 3, numOfHosts: 1, suspend: true, template: {spec: {containers: [{name: w, resources: {limits: {nvidia.com/gpu: "8"}}}]}}}]}
DRA: {headGroupSpec: {template: {spec: {resourceClaims: [{name: nic, resourceClaimName: shared-nic}], containers: [{name: h, resources: {claims: [{name: nic}]}}]}}}, workerGroupSpecs: [{groupName: dra, replicas: 4, numOfHosts: 1, rayStartParams: {num-gpus: "2"}, template: {spec: {resourceClaims: [{name: gpus, resourceClaimTemplateName: h100-x2}], containers: [{name: w, resources: {claims: [{name: gpus}]}}]}}}]}
"""  # noqa: E501 - one line is one input
# fmt: on
SPECS: dict[str, dict[str, Any]] = yaml.safe_load(INPUTS)
EXPECTED: dict[str, dict[str, int]] = {
    "plain": {"nvidia.com/gpu": 32},
    "MIG and sharing": {"nvidia.com/mig-1g.10gb": 6, "nvidia.com/mig-1g.10gb.me": 2, "nvidia.com/gpu.shared": 5},
    "NPUs": {
        "huawei.com/Ascend910": 16,
        "habana.ai/gaudi": 8,
        "aws.amazon.com/neuroncore": 64,
        "gpu.intel.com/i915": 2,
        "vpc.amazonaws.com/efa": 2,
    },
    "multi-host TPU": {"google.com/tpu": 32},
    "limits of replicas, suspension, sidecars": {"nvidia.com/gpu": 21},
    "DRA": {},
}


def spec_of(*containers: dict[str, Any], replicas: int = 1, **group: Any) -> dict[str, Any]:
    """Return a spec with one group of workers, whose containers have these resources."""
    template = {"spec": {"containers": [{"name": "w", "resources": resources} for resources in containers]}}
    return {
        "headGroupSpec": HEAD,
        "workerGroupSpecs": [{"groupName": "g", "replicas": replicas, "template": template, **group}],
    }


def limits(**amounts: Any) -> dict[str, Any]:
    """Return the limits of a container; `__` stands for the slash, `_` for the dot."""
    return {"limits": {name.replace("__", "/").replace("_", "."): amount for name, amount in amounts.items()}}


def values(family: str, spec: dict[str, Any], label: str = "resource", **status: Any) -> dict[str, float]:
    """Return what a family prints, by one of its labels."""
    lines = series(RAYCLUSTERS, family, manifest(status or None) | {"spec": spec})
    return {line.split(f'{label}="')[1].split('"')[0]: float(line.rpartition(" ")[2]) for line in lines}


def requesting(namespace: str, amounts: dict[str, str]) -> dict[str, float]:
    """Return what is printed of a cluster in this namespace that requests these amounts."""
    obj = manifest(None) | {"spec": spec_of({"limits": amounts})}
    obj["metadata"]["namespace"] = namespace
    lines = series(RAYCLUSTERS, DESIRED, obj)
    return {line.split('resource="')[1].split('"')[0]: float(line.rpartition(" ")[2]) for line in lines}


@pytest.mark.parametrize("name", EXPECTED)
def test_desired_amounts_by_name(name: str) -> None:
    """Whatever KubeRay's own number is: 6 of MIG and sharing, 7 of limits of replicas, 0 of NPUs and DRA."""
    assert values(DESIRED, SPECS[name]) == EXPECTED[name]


def test_claims_of_devices() -> None:
    """Of a template each pod gets a claim of its own; a shared claim is one. How many devices, nothing says."""
    assert values(CLAIMS, SPECS["DRA"], "claim") == {"h100-x2": 4, "shared-nic": 1}
    assert values(OF_GROUPS, SPECS["multi-host TPU"]) == {"google.com/tpu": 4}


def test_amounts_of_one_pod_include_sidecars_and_the_largest_init_container() -> None:
    """A sidecar with 1 runs beside the init container, which has 2, and then beside the container."""
    assert values(OF_GROUPS, SPECS["limits of replicas, suspension, sidecars"], "group") == {
        HEAD_GROUP: 1,
        "a": 4,
        "b": 3,
        "c": 8,
    }


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(spec_of(limits(nvidia_com__gpu="8"), limits(nvidia_com__gpu="1")), 9, id="two containers"),
        pytest.param(spec_of({"requests": {"nvidia.com/gpu": "2"}}), 2, id="requests only"),
        pytest.param(spec_of(limits(nvidia_com__gpu=2)), 2, id="a number"),
        pytest.param(spec_of(limits(nvidia_com__gpu="1k")), 1000, id="a suffix"),
        pytest.param(spec_of(limits(nvidia_com__gpu="2"), replicas=0), 0, id="no replica"),
        pytest.param(spec_of(limits(nvidia_com__gpu="2"), replicas=-3), 0, id="negative replicas"),
        pytest.param(spec_of(limits(nvidia_com__gpu="2"), suspend=True), 0, id="a suspended group"),
        pytest.param(spec_of(limits(nvidia_com__gpu="1000000000"), replicas=2**31 - 1), 10**9, id="too many"),
    ],
)
def test_what_counts(spec: dict[str, Any], expected: int) -> None:
    """Of each container the limit or else the request, times the pods; no more than a cluster can have."""
    assert values(DESIRED, spec) == {"nvidia.com/gpu": expected}


@pytest.mark.parametrize("name", ["requests.nvidia.com/gpu", "hugepages-2Mi", "ephemeral-storage", "kubernetes.io/x"])
def test_other_resources_are_not_extended_ones(name: str) -> None:
    """Nor is a name that Kubernetes reserves."""
    cut_parts.reset()
    assert values(DESIRED, spec_of({"limits": {name: "1"}})) == {}
    assert cut_parts.entries == 0


@pytest.mark.parametrize(
    "quantity", ["1.5", "500m", "many", "", "-1", "2e9", "1e400", 10**70, True, None, [], {"a": 1}]
)
def test_a_wrong_amount_is_skipped_and_counted(quantity: Any) -> None:
    """The object stays decodable, with its other amounts: no pod can be made of such a template."""
    cut_parts.reset()
    spec = spec_of({"limits": {"nvidia.com/gpu": quantity, "habana.ai/gaudi": "8"}})
    assert values(DESIRED, spec) == {"habana.ai/gaudi": 8}
    assert cut_parts.entries == 1


def test_the_status_of_kuberay_plays_no_part() -> None:
    """desiredGPU is 0 of a cluster of Gaudis."""
    spec = spec_of(limits(habana_ai__gaudi="8"))
    assert values(DESIRED, spec, desiredGPU="0") == {"habana.ai/gaudi": 8}


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"headGroupSpec": None, "workerGroupSpecs": None},
        {"headGroupSpec": {"template": None}, "workerGroupSpecs": [{"groupName": "g"}, {"template": None}]},
        {"headGroupSpec": {"template": {"spec": None}}, "workerGroupSpecs": [{"template": {}}]},
        {"headGroupSpec": {"template": {"spec": {"containers": None, "initContainers": None, "resourceClaims": None}}}},
        {"headGroupSpec": {"template": {"spec": {"containers": [{"resources": None}, {}], "resourceClaims": [{}]}}}},
        {"headGroupSpec": {"template": {"spec": {"containers": [{"resources": {"limits": None, "requests": {}}}]}}}},
    ],
)
def test_what_is_missing_requests_nothing(spec: dict[str, Any]) -> None:
    """As files may have it, and as the API server leaves out what is empty."""
    for family in (DESIRED, OF_GROUPS, CLAIMS):
        assert series(RAYCLUSTERS, family, manifest() | {"spec": spec}) == []


def test_a_malformed_template_is_refused() -> None:
    """As the schema of the CRD does: the last valid lines of the object stay."""
    raw = msgspec.json.encode(manifest() | {"spec": {"headGroupSpec": {"template": {"spec": {"containers": {}}}}}})
    with pytest.raises(DecodeError, match=r"Expected `array.*containers"):
        wire.decode(msgspec.json.Decoder(RayCluster), raw)


def test_names_of_one_object_are_bounded() -> None:
    """Further ones are `other`, together, and counted."""
    cut_parts.reset()
    spec = spec_of({"limits": {f"a.com/{n:02}": "1" for n in range(20)}}, replicas=2)
    amounts = values(DESIRED, spec)
    assert amounts == {f"a.com/{n:02}": 2 for n in range(MAX_NAMES)} | {"other": 8}
    assert values(OF_GROUPS, spec)["other"] == 4
    assert cut_parts.entries == 2 * 4


def test_names_of_the_process_are_bounded() -> None:
    """Those that came first stay; a name that is known counts for any object."""
    for n in range(MAX_PROCESS_NAMES):
        requesting(f"team-{n // MAX_NEW_NAMES}", {f"a.com/{n}": "1"})
    cut_parts.reset()
    assert requesting("other-team", {"b.com/x": "3", "a.com/99": "1"}) == {"a.com/99": 1, "other": 3}
    assert cut_parts.entries == 1
    assert len(pod_request._namespaces) == MAX_PROCESS_NAMES


def test_one_namespace_does_not_use_up_the_names_of_others() -> None:
    """It brings a part of them at most; what others have brought counts in it, too."""
    for n in range(MAX_NEW_NAMES + 5):
        requesting("noisy", {f"a.com/{n}": "1"})
    assert requesting("quiet", {"b.com/x": "3", "a.com/0": "2"}) == {"a.com/0": 2, "b.com/x": 3}
    assert requesting("noisy", {"b.com/x": "1", "c.com/y": "4"}) == {"b.com/x": 1, "other": 4}


def test_long_names_are_cut_and_claims_are_bounded() -> None:
    """A name has at most 1 KiB, as any other string; a pod has at most 16 claims."""
    cut_parts.reset()
    (name,) = values(DESIRED, spec_of({"limits": {f"a.com/{'x' * 5000}": "1"}}))
    assert (len(name.encode()), cut_parts.strings) == (1024, 1)
    claims = [{"name": str(n), "resourceClaimName": f"{n}{'y' * 5000}"} for n in range(MAX_NAMES + 3)]
    spec = {"headGroupSpec": {"template": {"spec": {"resourceClaims": claims}}}}
    assert len(values(CLAIMS, spec, "claim")) == MAX_NAMES
    assert (cut_parts.entries, cut_parts.strings) == (3, 1 + MAX_NAMES)


def test_a_template_of_many_names_and_containers_takes_a_linear_time() -> None:
    """Each of 20,000 init containers beside a sidecar with as many names; a quadratic time would be minutes."""
    sidecar = {"restartPolicy": "Always", "resources": {"limits": {f"a/{n}": 1 for n in range(20_000)}}}
    ordinary = [{"resources": {"limits": {"a/1": n % 7}}} for n in range(20_000)]
    template = {"spec": {"initContainers": [sidecar, *ordinary], "containers": [{"resources": {}}]}}
    amounts = values(OF_GROUPS, {"headGroupSpec": {"template": template}})
    assert len(amounts) == MAX_NAMES + 1
    assert (amounts["a/1"], amounts["a/0"]) == (7, 1)


def test_equal_requests_are_held_once_and_the_template_not_at_all() -> None:
    """Thousands of clusters have the same template."""
    first, second = (decode(RAYCLUSTERS, manifest(uid=uid) | {"spec": SPECS["plain"]}).spec for uid in "12")
    assert first.worker_group_specs[0].template is second.worker_group_specs[0].template
    assert first.worker_group_specs[0].pod == ((("nvidia.com/gpu", 8),), ())
    assert first.head_group_spec is None


def test_the_series_of_a_renamed_group_end() -> None:
    """And a worker group with the head's name does not print a series twice."""
    spec = SPECS["multi-host TPU"]
    renamed = json.loads(json.dumps(spec).replace('"tpu"', '"v6e"'))
    versions = [manifest(version=str(n)) | {"spec": each} for n, each in enumerate((spec, renamed))]
    (line,) = series(RAYCLUSTERS, OF_GROUPS, *versions)
    assert 'group="v6e"' in line
    twice = spec_of(limits(nvidia_com__gpu="2"), groupName=HEAD_GROUP)
    twice["headGroupSpec"] = {"template": twice["workerGroupSpecs"][0]["template"]}
    assert values(OF_GROUPS, twice) == {"nvidia.com/gpu": 2}
    assert values(DESIRED, twice) == {"nvidia.com/gpu": 4}


def seconds(clusters: Clusters, prefix: str = "clusters_requested_extended") -> dict[str, float]:
    """Return the counters of a family, by namespace or uid, and resource."""
    lines = [line for line in clusters.lines() if line.startswith(prefix)]
    return {line.split('resource="')[1].split('"')[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_counters_to_the_letter() -> None:
    """An hour of 32 devices."""
    clusters = Clusters().on_list(cluster(spec=SPECS["plain"])).after(3600)
    labels = 'name="c1",namespace="ns",resource="nvidia.com/gpu",uid="1"'
    assert clusters.lines() == [
        f"cluster_requested_extended_resource_seconds_total{{{labels}}} 115200",
        'clusters_requested_extended_resource_seconds_total{namespace="ns",resource="nvidia.com/gpu"} 115200',
    ]


def test_a_suspended_cluster_keeps_its_gauge_and_its_counter_stands() -> None:
    """As that of requested GPUs, in each way in which a cluster can be suspended."""
    spec = SPECS["plain"]
    clusters = Clusters().on_list(cluster(spec=spec)).after(10)
    for suspended in (
        cluster(spec=spec | {"suspend": True}),
        cluster(spec=spec, conditions=[condition("RayClusterSuspended", "True")]),
    ):
        clusters.change(suspended).after(1000)
        assert seconds(clusters) == {"nvidia.com/gpu": 320}
        assert [line.rpartition(" ")[2] for line in series(RAYCLUSTERS, DESIRED, suspended)] == ["32"]
    assert seconds(clusters.change(cluster(spec=spec)).after(1)) == {"nvidia.com/gpu": 352}


def test_a_name_that_disappears_keeps_its_counter_until_the_cluster_is_deleted() -> None:
    """It stands still, and grows again if the name returns; its namespace keeps it."""
    gpus, gaudis = spec_of(limits(nvidia_com__gpu="2")), spec_of(limits(habana_ai__gaudi="8"))
    clusters = Clusters().on_list(cluster(spec=gpus)).after(10).change(cluster(spec=gaudis)).after(10)
    assert seconds(clusters) == seconds(clusters, "cluster_") == {"nvidia.com/gpu": 20, "habana.ai/gaudi": 80}
    clusters.change(cluster(spec=gpus)).after(5)
    assert seconds(clusters, "cluster_") == {"nvidia.com/gpu": 30, "habana.ai/gaudi": 80}
    clusters.change(removed=("1",)).after(100)
    assert (seconds(clusters, "cluster_"), seconds(clusters)) == ({}, {"nvidia.com/gpu": 30, "habana.ai/gaudi": 80})
    assert seconds(clusters.after(EMPTY_NAMESPACE_SECONDS)) == {}


def test_clusters_without_extended_resources_keep_nothing() -> None:
    """Nearly all, in many fleets; the counters are not prepared at all if they are not exported."""
    clusters = Clusters().on_list(cluster(spec=spec_of({"limits": {"cpu": "1"}}))).after(10)
    source: Any = clusters.store._sources[-1]
    assert source._integrals._values == source._integrals.by_uid == source._integrals._namespaces._objects == {}
    only = Clusters(allowed="clusters_requested_extended").on_list(cluster(spec=SPECS["plain"])).after(1)
    assert [line.split("{")[0] for line in only.lines()] == ["clusters_requested_extended_resource_seconds_total"]
    assert len(Clusters(allowed="gpu_seconds").store._sources) == 3


Change = tuple[float, str, dict[str, Any]]
"""Seconds, type of the event, object."""


def recorded_changes() -> Iterator[Change]:
    for entry in stream("rayclusters"):
        if entry["op"] == "event":
            event = json.loads(entry["line"])
            if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                yield entry["t"], event["type"], event["object"]


def requested(version: dict[str, Any]) -> Counter[str]:
    """Return what a recorded cluster requests, by the rules of a scheduler in their simplest form."""
    spec, status = version["spec"], version.get("status", {})
    conditions = {each["type"]: each["status"] for each in status.get("conditions", ())}
    if spec.get("suspend") or conditions.get("RayClusterSuspended", "False") == "True":
        return Counter()
    total = Counter[str]()
    for group in ({"replicas": 1} | spec["headGroupSpec"], *spec.get("workerGroupSpecs", ())):
        assert "initContainers" not in group["template"]["spec"]
        pods = 0 if group.get("suspend") else max(group.get("replicas", 0), group.get("minReplicas", 0))
        for container in group["template"]["spec"]["containers"]:
            for name, amount in container.get("resources", {}).get("limits", {}).items():
                if "/" in name:
                    total[name] += int(amount) * min(pods, group.get("maxReplicas", pods)) * group.get("numOfHosts", 1)
    return total


def test_counters_are_the_exact_integral_over_the_recorded_timeline() -> None:
    """At every event of a real API server: by namespace and name, amount times seconds, rounded down."""
    changes = list(recorded_changes())
    clusters = Clusters().on_list()
    current: dict[str, tuple[str, Counter[str]]] = {}
    integrals: dict[tuple[str, str], Fraction] = {}
    now = changes[0][0]
    for at, type_, version in changes:
        for namespace, amounts in current.values():
            for name, amount in amounts.items():
                key = namespace, name
                integrals[key] = integrals.get(key, Fraction(0)) + amount * (Fraction(at) - Fraction(now))
        clusters.after(at - now)
        now = at
        found = {
            (metric.labels["namespace"], metric.labels["resource"]): metric.value
            for family in clusters.store.collect()
            for metric in family.samples
            if metric.name == "kuberay_clusters_requested_extended_resource_seconds_total"
        }
        assert found == {key: pytest.approx(float(total), abs=1e-4) for key, total in integrals.items()}
        uid, namespace = version["metadata"]["uid"], version["metadata"]["namespace"]
        if type_ == "DELETED":
            clusters.change(removed=(uid,))
            del current[uid]
        else:
            clusters.change(version)
            current[uid] = namespace, requested(version)
            for name in requested(version):
                integrals.setdefault((namespace, name), Fraction(0))
    assert {name for _, name in integrals} == {"nvidia.com/gpu"}
    assert sum(integrals.values()) > 100


def test_recorded_amounts_are_those_of_the_operator() -> None:
    """Where its rule gives the right number: whole GPUs, replicas within their limits, when nothing changes."""
    found = 0
    for capture in captures():
        for listed in capture.lists["rayclusters"]["items"]:
            status = listed.get("status", {})
            if "desiredGPU" in status:
                spec = msgspec.convert(listed["spec"], PodGroupsSpec)
                assert desired_resources(spec).get("nvidia.com/gpu", 0) == int(status["desiredGPU"]), capture.name
                found += bool(int(status["desiredGPU"]))
    assert found
