"""What the reasons of KubeRay's Events mean (v1.7.0), and what to do: docs/events.md is written from this table."""

from collections.abc import Iterator
from typing import NamedTuple

from exporter.collectors.event_reasons import NORMAL, WARNING
from exporter.resources.raycluster import RayCluster
from exporter.resources.raycronjob import RayCronJob
from exporter.resources.rayjob import RayJob
from exporter.resources.rayservice import RayService

CLUSTER, JOB, SERVICE, CRON_JOB = RayCluster.kind, RayJob.kind, RayService.kind, RayCronJob.kind

NOTHING = "Nothing."
MESSAGE_NAMES_FAILURE = "Read the message: it has the API server's answer. "
QUOTA = MESSAGE_NAMES_FAILURE + "Usual causes are a quota, an admission webhook and missing rights of the operator."
RIGHTS = MESSAGE_NAMES_FAILURE + "Usual causes are missing rights of the operator and a finalizer."
INVALID_SPEC = "Correct the field that the message names. The object stays as it is until its spec changes."
INVALID_NAME = "Create the object again under a name that the message accepts."


class EventReason(NamedTuple):
    """One reason of Events about one kind of object.

    Attributes:
        kind: of the object, as in the API.
        type: Normal or Warning.
        meaning, remedy: sentences for the documentation.
    """

    kind: str
    type: str
    reason: str
    meaning: str
    remedy: str


def _done(kind: str, verb: str, *names_and_nouns: tuple[str, str]) -> Iterator[EventReason]:
    """Yield reasons of what was created, updated or deleted."""
    for name, noun in names_and_nouns:
        yield EventReason(kind, NORMAL, f"{verb}{name}", f"{noun} was {verb.lower()}.", NOTHING)


def _failed(kind: str, verb: str, remedy: str, *names_and_nouns: tuple[str, str]) -> Iterator[EventReason]:
    """Yield reasons of what could not be created, updated or deleted."""
    for name, noun in names_and_nouns:
        meaning = f"{noun} could not be {verb.lower().removesuffix('e')}ed."
        yield EventReason(kind, WARNING, f"FailedTo{verb}{name}", meaning, remedy)


_HEAD_POD = ("HeadPod", "The head pod")
_WORKER_POD = ("WorkerPod", "A worker pod")
_SERVICE = ("Service", "A Service")
_INGRESS = ("Ingress", "The Ingress of the head")
_POLICY = ("NetworkPolicy", "A NetworkPolicy of the cluster")
_CLUSTER_PARTS = (
    _SERVICE,
    ("ServiceAccount", "The autoscaler's ServiceAccount"),
    ("Role", "The autoscaler's Role"),
    ("RoleBinding", "The autoscaler's RoleBinding"),
    _INGRESS,
    ("Route", "The OpenShift Route of the head"),
    ("PVC", "A PersistentVolumeClaim of the head"),
    ("RedisCleanupJob", "The Job that deletes the cluster's data in Redis"),
)
_RAY_CLUSTER = ("RayCluster", "The RayCluster of the object")
_SUBMITTER = ("RayJobSubmitter", "The Kubernetes Job that submits the Ray job")
_GATEWAY = ("Gateway", "The Gateway of an incremental upgrade")
_ROUTE = ("HTTPRoute", "The HTTPRoute of an incremental upgrade")

_CLUSTERS = (
    *_done(CLUSTER, "Created", _HEAD_POD, _WORKER_POD, *_CLUSTER_PARTS),
    *_done(CLUSTER, "Updated", _INGRESS),
    *_done(CLUSTER, "Deleted", _HEAD_POD, _WORKER_POD),
    EventReason(
        CLUSTER,
        NORMAL,
        "DeletedPod",
        "All pods of the cluster were deleted, because it was suspended or its spec changed with the upgrade strategy "
        "Recreate.",
        NOTHING,
    ),
    EventReason(
        CLUSTER,
        WARNING,
        "InvalidRayClusterSpec",
        "The spec was rejected. The cluster gets no pods, and a new one no status.",
        INVALID_SPEC,
    ),
    EventReason(
        CLUSTER,
        WARNING,
        "InvalidRayClusterMetadata",
        "The name was rejected, because it is too long or not a DNS label.",
        INVALID_NAME,
    ),
    EventReason(
        CLUSTER,
        WARNING,
        "InvalidRayClusterStatus",
        "The status contradicts itself, for example Suspending and Suspended at the same time.",
        "Look for a program other than the operator that writes the status.",
    ),
    *_failed(CLUSTER, "Create", QUOTA, _HEAD_POD, _WORKER_POD, *_CLUSTER_PARTS),
    *_failed(CLUSTER, "Update", QUOTA, _INGRESS),
    *_failed(CLUSTER, "Delete", RIGHTS, _HEAD_POD, _WORKER_POD),
    EventReason(
        CLUSTER,
        WARNING,
        "FailedToDeleteWorkerPodCollection",
        "The pods of a suspended worker group could not be deleted.",
        RIGHTS,
    ),
    EventReason(
        CLUSTER,
        WARNING,
        "FailedToDeletePodCollection",
        "The pods of a suspended or re-created cluster could not be deleted.",
        RIGHTS,
    ),
    EventReason(
        CLUSTER, WARNING, "FailedToDeletePod", "A pod could not be deleted. KubeRay v1.7.0 never records it.", RIGHTS
    ),
    EventReason(
        CLUSTER,
        WARNING,
        "AutoscalerServiceAccountNotFound",
        "The ServiceAccount that the head group names does not exist.",
        "Create it, or remove `serviceAccountName` from the head group's template.",
    ),
    EventReason(
        CLUSTER,
        WARNING,
        "ForceDeletedStuckCluster",
        "The deletion did not wait any longer for the cleanup of Redis.",
        "Delete the data in the Redis storage namespace that the message names.",
    ),
    EventReason(CLUSTER, NORMAL, "MTLSPKIReady", "The certificates for mutual TLS were issued.", NOTHING),
    EventReason(
        CLUSTER,
        NORMAL,
        "MTLSCertsNotReady",
        "The cluster waits for cert-manager to issue certificates.",
        "If it is repeated for minutes, look at cert-manager's Certificates and its log.",
    ),
    EventReason(
        CLUSTER,
        NORMAL,
        "MTLSCertificatesUpdated",
        "A certificate got other IP addresses.",
        NOTHING,
    ),
    EventReason(
        CLUSTER,
        WARNING,
        "MTLSFailedToReconcile",
        "A certificate or issuer for mutual TLS could not be created or updated.",
        "Read the message. Check that cert-manager is installed and that the operator has rights on its resources.",
    ),
    EventReason(
        CLUSTER,
        WARNING,
        "MTLSCertificateExpiringSoon",
        "A certificate of the cluster expires soon, and Ray does not reload certificates.",
        "Check that cert-manager renews it, then restart the pods.",
    ),
    *_done(CLUSTER, "Created", _POLICY),
    *_done(CLUSTER, "Updated", _POLICY),
    *_done(CLUSTER, "Deleted", _POLICY),
    *_failed(CLUSTER, "Create", QUOTA, _POLICY),
    *_failed(CLUSTER, "Update", QUOTA, _POLICY),
    *_failed(CLUSTER, "Delete", RIGHTS, _POLICY),
    EventReason(
        CLUSTER,
        WARNING,
        "NetworkPolicyNameCollision",
        "A NetworkPolicy of this name belongs to somebody else. The cluster's network is not isolated.",
        "Rename that NetworkPolicy, or use another name for the RayCluster.",
    ),
)

_JOBS = (
    *_done(JOB, "Created", _RAY_CLUSTER, _SUBMITTER, _SERVICE),
    *_done(JOB, "Updated", _RAY_CLUSTER, _SERVICE),
    *_done(JOB, "Deleted", _RAY_CLUSTER, _SUBMITTER),
    EventReason(JOB, NORMAL, "BatchSchedulerCleanedUp", "The batch scheduler's objects were deleted.", NOTHING),
    EventReason(
        JOB,
        WARNING,
        "InvalidRayJobSpec",
        "The spec was rejected; the job's status is ValidationFailed. KubeRay records it twice for one mistake.",
        INVALID_SPEC,
    ),
    EventReason(JOB, WARNING, "InvalidRayJobMetadata", "The name was rejected, because it is too long.", INVALID_NAME),
    EventReason(
        JOB,
        WARNING,
        "InvalidRayJobStatus",
        "The status contradicts the spec, for example Waiting without the mode InteractiveMode.",
        "Look for a program other than the operator that writes the status.",
    ),
    EventReason(
        JOB,
        WARNING,
        "RayClusterNotFound",
        "No RayCluster matches `spec.clusterSelector`. The job waits for one.",
        "Create the RayCluster that the message names, or correct the selector.",
    ),
    *_failed(JOB, "Create", QUOTA, _RAY_CLUSTER, _SUBMITTER, _SERVICE),
    *_failed(JOB, "Update", QUOTA, _RAY_CLUSTER, _SERVICE),
    *_failed(JOB, "Delete", RIGHTS, _RAY_CLUSTER, _SUBMITTER),
    EventReason(
        JOB,
        WARNING,
        "FailedToCleanupBatchScheduler",
        "The batch scheduler's objects of a finished job could not be deleted.",
        RIGHTS,
    ),
)

_SERVICES = (
    *_done(SERVICE, "Created", _RAY_CLUSTER, _SERVICE, _GATEWAY, _ROUTE),
    *_done(SERVICE, "Updated", _RAY_CLUSTER, _SERVICE, _GATEWAY, _ROUTE),
    *_done(SERVICE, "Deleted", _RAY_CLUSTER, _SERVICE, _GATEWAY, _ROUTE),
    *_done(
        SERVICE,
        "Updated",
        ("HeadPodServeLabel", "The label that decides whether the head pod gets Serve traffic"),
        ("ServeApplications", "The configuration of the Serve applications"),
        ("ServeTargetCapacity", "The target capacity of a cluster during an incremental upgrade"),
    ),
    EventReason(SERVICE, WARNING, "InvalidRayServiceSpec", "The spec was rejected.", INVALID_SPEC),
    EventReason(
        SERVICE, WARNING, "InvalidRayServiceMetadata", "The name was rejected, because it is too long.", INVALID_NAME
    ),
    EventReason(
        SERVICE,
        WARNING,
        "RayServiceInitializingTimeout",
        "The service did not become ready within its initializing timeout, and its clusters are deleted.",
        "Look for the cause in the pods and Serve applications, then create the service again.",
    ),
    EventReason(
        SERVICE,
        WARNING,
        "RollbackImpossible",
        "An incremental upgrade cannot be rolled back, because the active cluster does not exist.",
        "Correct the spec so that the pending cluster can become ready.",
    ),
    *_failed(SERVICE, "Create", QUOTA, _RAY_CLUSTER, _SERVICE, _GATEWAY, _ROUTE),
    *_failed(SERVICE, "Update", QUOTA, _RAY_CLUSTER, _SERVICE, _GATEWAY, _ROUTE),
    *_failed(SERVICE, "Delete", RIGHTS, _RAY_CLUSTER, _SERVICE, _GATEWAY, _ROUTE),
    *_failed(
        SERVICE,
        "Update",
        "Check that the head pod runs and answers on its dashboard port.",
        ("HeadPodServeLabel", "The label that decides whether the head pod gets Serve traffic"),
        ("ServeApplications", "The configuration of the Serve applications"),
        ("TargetCapacity", "The target capacity of a cluster during an incremental upgrade"),
    ),
)

_CRON_JOBS = (
    EventReason(
        CRON_JOB,
        NORMAL,
        "SuspendedRayCronJob",
        "The RayCronJob is suspended and creates no jobs. KubeRay records it at each reconcile.",
        NOTHING,
    ),
    EventReason(
        CRON_JOB, WARNING, "InvalidRayCronJobSpec", "The spec was rejected: no jobs are created.", INVALID_SPEC
    ),
)

EVENT_REASONS: tuple[EventReason, ...] = (*_CLUSTERS, *_JOBS, *_SERVICES, *_CRON_JOBS)
