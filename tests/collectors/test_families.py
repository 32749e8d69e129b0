"""Every family that is not the operator's: object in, exact lines out."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest

from exporter.collectors.workload import WORKLOADS
from exporter.families.table import AnyKind
from exporter.kinds import KINDS
from tests.support.objects import CREATED, condition, manifest, series
from tests.support.parity import NINE

CREATED_SECONDS, AT, AT_SECONDS = 1795428000, "2026-11-23T10:01:30Z", 1795428090
KIND_OF = {
    "cluster": "rayclusters",
    "job": "rayjobs",
    "service": "rayservices",
    "cronjob": "raycronjobs",
    "pod": "pods",
}
READY = condition("RayClusterProvisioned", "True", AT, reason="AllPodRunningAndReadyFirstTime", message="of no use")
WORKERS = {
    "desired": "desiredWorkerReplicas",
    "min": "minWorkerReplicas",
    "max": "maxWorkerReplicas",
    "ready": "readyWorkerReplicas",
    "available": "availableWorkerReplicas",
}

Case = tuple[str, str, dict[str, Any], list[str]]
"""Id, family without `kuberay_`, object, and expected lines: own labels, a space, and the value."""


def spec(**fields: Any) -> dict[str, Any]:
    return manifest() | {"spec": fields}


def status(**fields: Any) -> dict[str, Any]:
    return manifest(fields)


def of_every_kind() -> Iterator[Case]:
    """Cases of what is said of all kinds alike."""
    for kind in ("cluster", "job", "service", "cronjob"):
        yield "creation", f"{kind}_created_timestamp_seconds", manifest(), [f" {CREATED_SECONDS}"]
        yield "no creation", f"{kind}_created_timestamp_seconds", manifest(creationTimestamp=None), []
        yield "suspended", f"{kind}_suspended", spec(suspend=True), [" 1"]
        yield "not suspended", f"{kind}_suspended", spec(suspend=False), [" 0"]
        yield "suspend absent", f"{kind}_suspended", spec(), [" 0"]
        yield "spec absent", f"{kind}_suspended", manifest(), [" 0"]
        yield "labels", f"{kind}_labels", manifest(labels={"team": "vision"}), ['label_team="vision" 1']
        yield "no labels", f"{kind}_labels", manifest(), [" 1"]
    for kind in ("cluster", "job", "service"):
        yield "deletion", f"{kind}_deletion_timestamp_seconds", manifest(deletionTimestamp=AT), [f" {AT_SECONDS}"]
        yield "no deletion", f"{kind}_deletion_timestamp_seconds", manifest(), []
        managed = f"{kind}_managed_by"
        yield (
            "Kueue",
            managed,
            spec(managedBy="kueue.x-k8s.io/multikueue"),
            ['managed_by="kueue.x-k8s.io/multikueue" 1'],
        )
        yield "managedBy absent", managed, spec(), []
        yield "managedBy empty", managed, spec(managedBy=""), []
        yield "spec absent", managed, manifest(), []
    for kind in ("cluster", "service"):
        family = f"{kind}_status_condition"
        others = [
            condition("ReplicaFailure", "False", AT),
            condition("New", "Unknown", AT),
            {"type": "Odd", "status": "?"},
        ]
        seen = status(conditions=[READY, *others])
        yield (
            "any type",
            family,
            seen,
            [
                'condition="RayClusterProvisioned",status="true" 1',
                'condition="ReplicaFailure",status="false" 1',
                'condition="New",status="unknown" 1',
                'condition="Odd",status="unknown" 1',
            ],
        )
        yield "no status", family, manifest(), []
        yield "no conditions", family, status(), []
        twice = status(conditions=[READY, condition("RayClusterProvisioned", "False")])
        yield "a type twice", family, twice, ['condition="RayClusterProvisioned",status="true" 1']
        yield (
            "reasons",
            f"{family}_reason",
            status(conditions=[READY, condition("New", "True")]),
            [
                'condition="RayClusterProvisioned",reason="AllPodRunningAndReadyFirstTime" 1',
                'condition="New",reason="" 1',
            ],
        )
        yield (
            "transition times",
            f"{family}_transition_timestamp_seconds",
            status(conditions=[READY, condition("New", "Unknown", CREATED), {"type": "Odd"}]),
            [
                f'condition="RayClusterProvisioned",status="true" {AT_SECONDS}',
                f'condition="New",status="unknown" {CREATED_SECONDS}',
            ],
        )


def of_clusters() -> Iterator[Case]:
    yield "ready", "cluster_state", status(state="ready"), ['state="ready" 1']
    yield "state absent", "cluster_state", status(), ['state="" 1']
    yield "no status", "cluster_state", manifest(), []
    times = {"ready": AT, "suspended": CREATED, "failed": None}
    transition = "cluster_state_transition_timestamp_seconds"
    expected = [f'state="ready" {AT_SECONDS}', f'state="suspended" {CREATED_SECONDS}']
    yield "every state", transition, status(stateTransitionTimes=times), expected
    yield "never in a state", transition, status(), []
    for family, field in WORKERS.items():
        yield "some", f"cluster_{family}_workers", status(**{field: 3}), [" 3"]
        yield "absent is 0", f"cluster_{family}_workers", status(), [" 0"]
        yield "no status", f"cluster_{family}_workers", manifest(), []
    yield "no limit", "cluster_max_workers", status(maxWorkerReplicas=2147483647), []
    yield "a high limit", "cluster_max_workers", status(maxWorkerReplicas=2147483646), [" 2147483646"]
    yield "cores", "cluster_desired_cpu_cores", status(desiredCPU="1500m"), [" 1.5"]
    yield "a number", "cluster_desired_cpu_cores", status(desiredCPU=2), [" 2"]
    yield "binary suffix", "cluster_desired_memory_bytes", status(desiredMemory="3Gi"), [" 3221225472"]
    yield "gpus", "cluster_desired_gpus", status(desiredGPU="8"), [" 8"]
    yield "zero", "cluster_desired_tpus", status(desiredTPU="0"), [" 0"]
    for family in ("cpu_cores", "memory_bytes", "gpus", "tpus"):
        yield "quantity absent", f"cluster_desired_{family}", status(), []
    made = {"ray.io/originated-from-crd": "RayJob", "ray.io/originated-from-cr-name": "train"}
    yield "made for a job", "cluster_owner", manifest(labels=made), ['owner_kind="RayJob",owner_name="train" 1']
    yield (
        "owner without a name",
        "cluster_owner",
        manifest(labels={"ray.io/originated-from-crd": "RayJob"}),
        ['owner_kind="RayJob",owner_name="" 1'],
    )
    yield "nobody's", "cluster_owner", manifest(labels={"team": "a"}), []
    yield "version", "cluster_version_info", spec(rayVersion="2.52.0"), ['ray_version="2.52.0" 1']
    yield "no version", "cluster_version_info", spec(), []
    head = status(head={"podName": "a-head", "serviceName": "a-svc", "podIP": "10.0.0.1"})
    yield "head", "cluster_head_info", head, ['head_pod="a-head",head_service="a-svc" 1']
    yield (
        "head without a service",
        "cluster_head_info",
        status(head={"podName": "a"}),
        ['head_pod="a",head_service="" 1'],
    )
    yield "no head pod", "cluster_head_info", status(head={"serviceName": "a-svc"}), []
    yield "empty head", "cluster_head_info", status(head={}), []
    yield "autoscaling", "cluster_autoscaling_enabled", spec(enableInTreeAutoscaling=True), [" 1"]
    yield "autoscaling absent", "cluster_autoscaling_enabled", spec(), [" 0"]


def of_groups() -> Iterator[Case]:
    """Worker groups as the spec has them: absent numbers have no series, and a name counts once."""
    small = {"groupName": "small", "replicas": 2, "minReplicas": 1, "maxReplicas": 5, "numOfHosts": 1, "suspend": False}
    groups = spec(
        workerGroupSpecs=[
            small | {"scaleStrategy": {}},
            small | {"groupName": "tpu", "numOfHosts": 4, "maxReplicas": 2147483647, "suspend": True},
            {"groupName": "bare", "template": {}},
            small | {"replicas": 99},
        ]
    )
    expected = {
        "desired_replicas": ['group="small" 2', 'group="tpu" 0', 'group="bare" 0'],
        "min_replicas": ['group="small" 1', 'group="tpu" 1'],
        "max_replicas": ['group="small" 5'],
        "hosts": ['group="small" 1', 'group="tpu" 4'],
        "suspended": ['group="small" 0', 'group="tpu" 1', 'group="bare" 0'],
        "scale_gate": [],
    }
    for family, lines in expected.items():
        yield "groups", f"cluster_group_{family}", groups, lines
        yield "no groups", f"cluster_group_{family}", spec(), []
        yield "no spec", f"cluster_group_{family}", manifest(), []
    limits = {
        "within the limits": (small, 2),
        "below the minimum": (small | {"replicas": 0}, 1),
        "above the maximum": (small | {"replicas": 9}, 5),
        "no replicas": (small | {"replicas": None}, 1),
        "no maximum": (small | {"replicas": 9, "maxReplicas": None}, 9),
        "limits that contradict each other": (small | {"minReplicas": 7}, 7),
    }
    for name, (group, desired) in limits.items():
        yield name, "cluster_group_desired_replicas", spec(workerGroupSpecs=[group]), [f'group="small" {desired}']
    gates = [{"name": "kueue.k8s.io/quota-exceeded", "reason": "of no use"}, {"name": "b"}, {"name": "b"}]
    yield (
        "gates",
        "cluster_group_scale_gate",
        spec(workerGroupSpecs=[small | {"scaleStrategy": {"workersToDelete": ["w"], "scaleGate": gates}}]),
        ['gate="kueue.k8s.io/quota-exceeded",group="small" 1', 'gate="b",group="small" 1'],
    )
    head = {"template": {"spec": {"containers": [{"resources": {"limits": {"a.com/b": "1"}}}]}}}
    pod: dict[str, Any] = {"containers": [{"resources": {"limits": {"google.com/tpu": "4", "cpu": "1"}}}]}
    pod["resourceClaims"] = [{"resourceClaimName": "nic"}, {"resourceClaimTemplateName": "h100"}]
    asking = spec(headGroupSpec=head, workerGroupSpecs=[small | {"numOfHosts": 4, "template": {"spec": pod}}])
    for family, lines in {
        "desired_extended_resources": ['resource="a.com/b" 1', 'resource="google.com/tpu" 32'],
        "group_pod_extended_resources": [
            'group="headgroup",resource="a.com/b" 1',
            'group="small",resource="google.com/tpu" 4',
        ],
        "desired_resource_claims": ['claim="nic",kind="claim" 1', 'claim="h100",kind="template" 8'],
    }.items():
        yield "pod templates", f"cluster_{family}", asking, lines
    yield "idle", "cluster_suspended", spec(idleSuspend=True), [" 1"]
    yield "not idle", "cluster_suspended", spec(idleSuspend=False, suspend=False), [" 0"]
    yield "a form that KubeRay may choose later", "cluster_suspended", spec(idleSuspend={"after": "1h"}), [" 0"]


def of_failures() -> Iterator[Case]:
    """The reason is that of the current attempt, or it is stale."""
    reason = {"reason": "AppFailed", "message": "secret"}
    for state in ("Failed", "Retrying", "ValidationFailed"):
        yield state, "job_failure", status(jobDeploymentStatus=state, **reason), ['reason="AppFailed" 1']
    for state in ("", "Initializing", "Waiting", "Running", "Complete", "Suspended"):
        yield f"stale in '{state}'", "job_failure", status(jobDeploymentStatus=state, **reason), []
    complete = status(jobDeploymentStatus="Complete", jobStatus="FAILED", **reason)
    yield "failed under KubeRay 1.1", "job_failure", complete, ['reason="AppFailed" 1']
    yield "no reason", "job_failure", status(jobDeploymentStatus="Failed"), []


def of_jobs() -> Iterator[Case]:
    for state in ("Initializing", "Waiting", "Running", "Complete", "Failed", "Retrying"):
        started = status(jobDeploymentStatus=state, startTime=AT)
        yield state, "job_start_timestamp_seconds", started, [f" {AT_SECONDS}"]
    for state in ("", "Suspending", "Suspended", "ValidationFailed", "SomethingNew"):
        stale = status(jobDeploymentStatus=state, startTime=AT)
        yield f"stale in '{state}'", "job_start_timestamp_seconds", stale, []
    yield "start absent", "job_start_timestamp_seconds", status(jobDeploymentStatus="Running"), []
    for state in ("Complete", "Failed"):
        ended = status(jobDeploymentStatus=state, endTime=AT)
        yield state, "job_end_timestamp_seconds", ended, [f" {AT_SECONDS}"]
        yield f"{state}, no end", "job_end_timestamp_seconds", status(jobDeploymentStatus=state), []
    for state in ("", "Initializing", "Running", "Retrying", "Suspended", "ValidationFailed"):
        yield f"stale in '{state}'", "job_end_timestamp_seconds", status(jobDeploymentStatus=state, endTime=AT), []
    yield "running", "job_status", status(jobStatus="RUNNING"), ['job_status="RUNNING" 1']
    yield "job status absent", "job_status", status(), ['job_status="" 1']
    yield "no status", "job_status", manifest(), []
    yield from of_failures()
    ran = status(rayJobInfo={"startTime": CREATED, "endTime": AT})
    yield "Ray's start", "job_ray_start_timestamp_seconds", ran, [f" {CREATED_SECONDS}"]
    yield "Ray's end", "job_ray_end_timestamp_seconds", ran, [f" {AT_SECONDS}"]
    yield "empty info: no start", "job_ray_start_timestamp_seconds", status(rayJobInfo={}), []
    yield "no info: no end", "job_ray_end_timestamp_seconds", status(), []
    for family in ("failed", "succeeded"):
        yield "some", f"job_{family}_attempts", status(**{family: 2}), [" 2"]
        yield "absent is 0", f"job_{family}_attempts", status(), [" 0"]
        yield "no status", f"job_{family}_attempts", manifest(), []
    yield "limit", "job_backoff_limit", spec(backoffLimit=3), [" 3"]
    yield "limit 0", "job_backoff_limit", spec(backoffLimit=0), [" 0"]
    yield "no limit", "job_backoff_limit", spec(), []
    yield "deadline", "job_active_deadline_seconds", spec(activeDeadlineSeconds=600), [" 600"]
    yield "no deadline", "job_active_deadline_seconds", spec(), []
    yield "deadline", "job_pre_running_deadline_seconds", spec(preRunningDeadlineSeconds=60), [" 60"]
    yield "no deadline", "job_pre_running_deadline_seconds", spec(), []
    yield from of_checks()
    yield from of_deletion()
    joined = status(rayClusterName="a-x1", jobId="a-j1") | {"spec": {"submissionMode": "HTTPMode"}}
    keys = 'job_id="a-j1",ray_io_cluster="a-x1",submission_mode="HTTPMode"'
    yield "keys", "job_cluster_info", joined, [f"{keys} 1"]
    yield (
        "only a cluster",
        "job_cluster_info",
        status(rayClusterName="a-x1"),
        ['job_id="",ray_io_cluster="a-x1",submission_mode="" 1'],
    )
    yield "no cluster yet", "job_cluster_info", status(jobId="a-j1"), []
    yield "no status", "job_cluster_info", manifest(), []
    yield (
        "made by a cron job",
        "job_cronjob_info",
        manifest(labels={"ray.io/cronjob-name": "nightly"}),
        ['cronjob="nightly" 1'],
    )
    yield "made by hand", "job_cronjob_info", manifest(), []


def of_checks() -> Iterator[Case]:
    """Since when the head does not answer; a job that ended for that reason keeps the time."""
    family, failing = "job_status_check_failing_since_timestamp_seconds", {"jobStatusCheckFailureStartTime": AT}
    for state in ("Running", "Waiting", "Suspending"):
        yield state, family, status(jobDeploymentStatus=state, **failing), [f" {AT_SECONDS}"]
    for state in ("Complete", "Failed", "ValidationFailed"):
        yield f"stale in '{state}'", family, status(jobDeploymentStatus=state, **failing), []
    yield "answering", family, status(jobDeploymentStatus="Running"), []


def of_deletion() -> Iterator[Case]:
    yield "ttl", "job_ttl_seconds_after_finished", spec(ttlSecondsAfterFinished=0), [" 0"]
    yield "no ttl", "job_ttl_seconds_after_finished", spec(), []
    yield "deletes its cluster", "job_shutdown_after_finished", spec(shutdownAfterJobFinishes=True), [" 1"]
    yield "keeps its cluster", "job_shutdown_after_finished", spec(), [" 0"]
    yield "no spec", "job_shutdown_after_finished", manifest(), [" 0"]
    family = "job_deletion_rule_ttl_seconds"
    rules = [
        {"policy": "DeleteWorkers", "condition": {"jobStatus": "FAILED", "ttlSeconds": 25}},
        {"policy": "DeleteCluster", "condition": {"jobDeploymentStatus": "Failed"}},
        {"policy": "DeleteWorkers", "condition": {"jobStatus": "FAILED", "ttlSeconds": 5}},
    ]
    yield (
        "rules",
        family,
        spec(deletionStrategy={"deletionRules": rules}),
        [
            'deployment_status="",job_status="FAILED",policy="DeleteWorkers" 5',
            'deployment_status="Failed",job_status="",policy="DeleteCluster" 0',
        ],
    )
    older = {"onSuccess": {"policy": "DeleteSelf"}, "onFailure": {"policy": "DeleteNone"}}
    yield (
        "the older form",
        family,
        spec(deletionStrategy=older, ttlSecondsAfterFinished=30),
        [
            'deployment_status="",job_status="SUCCEEDED",policy="DeleteSelf" 30',
            'deployment_status="",job_status="FAILED",policy="DeleteNone" 30',
        ],
    )
    yield "no policy", family, spec(deletionStrategy={"onSuccess": {}, "deletionRules": []}), []
    yield "no strategy", family, spec(), []


def of_services() -> Iterator[Case]:
    yield "endpoints", "service_serve_endpoints", status(numServeEndpoints=2), [" 2"]
    yield "absent is 0", "service_serve_endpoints", status(), [" 0"]
    yield "no status", "service_serve_endpoints", manifest(), []
    yield "queued by Kueue", "service_suspended", spec(suspend=False, rayClusterConfig={"suspend": True}), [" 1"]
    yield "admitted by Kueue", "service_suspended", spec(rayClusterConfig={"suspend": False}), [" 0"]
    roles = status(
        activeServiceStatus={
            "rayClusterName": "a-1",
            "targetCapacity": 0,
            "trafficRoutedPercent": 55,
            "applicationStatuses": {
                "llm": {
                    "status": "RUNNING",
                    "message": "secret",
                    "serveDeploymentStatuses": {"Router": {"status": "HEALTHY", "message": "secret"}, "New": None},
                },
                "idle": None,
            },
        },
        pendingServiceStatus={"rayClusterName": "a-2", "targetCapacity": 100, "applicationStatuses": {"llm": {}}},
    )
    empty = status(activeServiceStatus={"rayClusterStatus": {}}, pendingServiceStatus=None)
    yield (
        "both roles",
        "service_cluster_info",
        roles,
        [
            'ray_io_cluster="a-1",role="active" 1',
            'ray_io_cluster="a-2",role="pending" 1',
        ],
    )
    yield "no clusters", "service_cluster_info", empty, []
    yield "no status", "service_cluster_info", manifest(), []
    yield "both roles", "service_target_capacity_ratio", roles, ['role="active" 0', 'role="pending" 1']
    yield "absent is unknown", "service_target_capacity_ratio", empty, []
    yield "one role", "service_traffic_routed_ratio", roles, ['role="active" 0.55']
    yield (
        "applications",
        "service_application_status",
        roles,
        [
            'application="llm",role="active",status="RUNNING" 1',
            'application="idle",role="active",status="" 1',
            'application="llm",role="pending",status="" 1',
        ],
    )
    yield "no applications", "service_application_status", empty, []
    yield (
        "deployments",
        "service_deployment_status",
        roles,
        [
            'application="llm",deployment="Router",role="active",status="HEALTHY" 1',
            'application="llm",deployment="New",role="active",status="" 1',
        ],
    )


def of_rollouts() -> Iterator[Case]:
    migrated = "service_last_traffic_migrated_timestamp_seconds"
    times = status(activeServiceStatus={"lastTrafficMigratedTime": AT}, pendingServiceStatus={})
    yield "one role", migrated, times, [f'role="active" {AT_SECONDS}']
    yield "no status", migrated, manifest(), []
    options = {"maxSurgePercent": 40, "stepSizePercent": 5, "intervalSeconds": 10, "gatewayClassName": "of no use"}
    strategy = {"type": "NewClusterWithIncrementalUpgrade", "clusterUpgradeOptions": options}
    expected = {
        "upgrade_strategy": 'type="NewClusterWithIncrementalUpgrade" 1',
        "upgrade_max_surge_ratio": " 0.4",
        "upgrade_step_size_ratio": " 0.05",
        "upgrade_interval_seconds": " 10",
    }
    for family, line in expected.items():
        yield "incremental", f"service_{family}", spec(upgradeStrategy=strategy), [line]
        yield "no strategy", f"service_{family}", spec(), []
        yield "empty strategy", f"service_{family}", spec(upgradeStrategy={}), []
        yield "no spec", f"service_{family}", manifest(), []
    for family in ("max_surge_ratio", "step_size_ratio", "interval_seconds"):
        yield "no such option", f"service_upgrade_{family}", spec(upgradeStrategy={"clusterUpgradeOptions": {}}), []


def of_cron_jobs() -> Iterator[Case]:
    schedule = spec(schedule="30 2 * * *", timeZone="Asia/Tokyo")
    yield "schedule", "cronjob_info", schedule, ['schedule="30 2 * * *",time_zone="Asia/Tokyo" 1']
    yield "no time zone", "cronjob_info", spec(schedule="@daily"), ['schedule="@daily",time_zone="" 1']
    yield "no schedule", "cronjob_info", spec(), []
    yield "scheduled", "cronjob_last_schedule_timestamp_seconds", status(lastScheduleTime=AT), [f" {AT_SECONDS}"]
    yield "never scheduled", "cronjob_last_schedule_timestamp_seconds", status(), []
    yield "no status", "cronjob_last_schedule_timestamp_seconds", manifest(), []
    yield "due", "cronjob_next_schedule_timestamp_seconds", spec(schedule="@every 1m"), [f" {CREATED_SECONDS + 60}"]
    yield "no schedule", "cronjob_next_schedule_timestamp_seconds", spec(), []


def container(restarts: int = 0, /, **state: Any) -> dict[str, Any]:
    """Return the status of a container with this `state` and, under `last`, what it was before."""
    last = state.pop("last", {})
    return {"name": "ray", "restartCount": restarts, "state": state, "lastState": last}


def of_pods() -> Iterator[Case]:
    labels = {"ray.io/cluster": "train", "ray.io/node-type": "worker", "ray.io/group": "gpu"}
    placed = manifest(labels=labels) | {"spec": {"nodeName": "node-1"}}
    keys = 'group="gpu",node="node-1",node_type="worker",ray_io_cluster="train"'
    yield "worker", "pod_info", placed, [f"{keys} 1"]
    unplaced = keys.replace("node-1", "")
    yield "not scheduled", "pod_info", manifest(labels=labels), [f"{unplaced} 1"]
    made = manifest(labels={"ray.io/originated-from-crd": "RayJob", "ray.io/originated-from-cr-name": "etl"})
    yield "submitter", "pod_info", made, ['group="",node="",node_type="submitter",ray_io_cluster="" 1']
    yield "submitter", "pod_owner", made, ['owner_kind="RayJob",owner_name="etl" 1']
    yield "worker", "pod_owner", placed, []
    yield "no status", "pod_status", manifest(), ['status="Pending" 1']
    yield (
        "crash loop",
        "pod_status",
        status(phase="Running", containerStatuses=[container(waiting={"reason": "CrashLoopBackOff"})]),
        ['status="CrashLoopBackOff" 1'],
    )
    yield "free text", "pod_status", status(phase="Failed", reason="of no use"), ['status="other" 1']
    for type_, family in (("PodScheduled", "pod_scheduled"), ("Ready", "pod_ready")):
        true = status(conditions=[condition(type_, "True", AT)])
        yield "true", f"{family}_timestamp_seconds", true, [f" {AT_SECONDS}"]
        yield "false", f"{family}_timestamp_seconds", status(conditions=[condition(type_, "False", AT)]), []
        yield "absent", f"{family}_timestamp_seconds", status(), []
    yield "ready", "pod_ready", status(conditions=[condition("Ready", "True", AT)]), [" 1"]
    yield "unknown", "pod_ready", status(conditions=[condition("Ready", "Unknown", AT)]), [" 0"]
    yield "no status", "pod_ready", manifest(), [" 0"]
    yield "creation", "pod_created_timestamp_seconds", manifest(), [f" {CREATED_SECONDS}"]
    restarted = status(initContainerStatuses=[container(2)], containerStatuses=[container(3), container(1)])
    yield "all containers", "pod_container_restarts_total", restarted, [" 6"]
    yield "no status", "pod_container_restarts_total", manifest(), [" 0"]
    earlier = {"terminated": {"reason": "Error", "exitCode": 1, "finishedAt": CREATED}}
    killed = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": AT, "message": "secret"}
    oom = status(containerStatuses=[container(1, running={}, last={"terminated": killed}), container(1, last=earlier)])
    yield "the last of two", "pod_last_termination", oom, ['exit_code="137",reason="OOMKilled" 1']
    yield "the last of two", "pod_last_termination_timestamp_seconds", oom, [f" {AT_SECONDS}"]
    strange = container(terminated={"reason": "of no use", "finishedAt": AT})
    yield (
        "a strange reason",
        "pod_last_termination",
        status(containerStatuses=[strange]),
        ['exit_code="0",reason="other" 1'],
    )
    done = container(terminated={"reason": "Completed", "exitCode": 0, "finishedAt": AT})
    for family in ("pod_last_termination", "pod_last_termination_timestamp_seconds"):
        yield "an init container that did its work", family, status(initContainerStatuses=[done]), []
        yield "never", family, status(containerStatuses=[container(running={})]), []


CASES = list(
    chain(
        of_every_kind(), of_clusters(), of_groups(), of_jobs(), of_services(), of_rollouts(), of_cron_jobs(), of_pods()
    )
)


def kind_of(family: str) -> AnyKind:
    plural = KIND_OF[family.split("_")[0]]
    return next(kind for kind in KINDS if kind.plural == plural)


def full_line(family: str, expected: str) -> str:
    """Return the line with the identity's labels put in their places."""
    own, _, value = expected.rpartition(" ")
    identity = [f'{kind_of(family).name_label}="a"', 'namespace="ns"', 'uid="1"']
    labels = ",".join(sorted([*re.findall(r'\w+="[^"]*"', own), *identity]))
    return f"kuberay_{family}{{{labels}}} {value}"


@pytest.mark.parametrize(("family", "version", "expected"), [pytest.param(*c[1:], id=f"{c[1]}: {c[0]}") for c in CASES])
def test_family(family: str, version: dict[str, Any], expected: list[str]) -> None:
    """What one object prints in one family, to the letter: absent is absent, 0 or "", as the table says."""
    lines = series(kind_of(family), f"kuberay_{family}", version, user_labels=("team",))
    assert lines == [full_line(family, line) for line in expected]


def test_every_family_has_a_case_that_prints_something() -> None:
    """A row that is added needs one, and HELP that ends in a full stop; the nine and Workloads have their own tests."""
    rows = {row.name: row for kind in KINDS if kind is not WORKLOADS for row in kind.rows}
    assert {f"kuberay_{family}" for _, family, _, expected in CASES if expected} == rows.keys() - NINE
    assert all(row.help.endswith(".") for name, row in rows.items() if name not in NINE)


def test_messages_are_never_labels() -> None:
    """Of all that is printed of these objects nothing comes from a message."""
    printed = [series(kind_of(family), f"kuberay_{family}", version) for _, family, version, _ in CASES]
    assert not [line for lines in printed for line in lines if "secret" in line or "of no use" in line]
