"""The table of causes: a closed list, from which docs/diagnosis.md is generated."""

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """As docs/runbooks.md defines it for alerts; the first is the worst."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Cause(StrEnum):
    """Why an object is not healthy."""

    OPERATOR_SILENT = "operator-silent"
    NO_SERVE_ENDPOINTS = "no-serve-endpoints"
    INITIALIZING_TIMEOUT = "initializing-timeout"
    INVALID_SPEC = "invalid-spec"
    QUOTA = "quota"
    REPLICA_FAILURE = "replica-failure"
    OPERATION_FAILED = "operation-failed"
    UNSCHEDULABLE = "unschedulable"
    POD_REJECTED = "pod-rejected"
    IMAGE_PULL = "image-pull"
    CONTAINER_CONFIG = "container-config"
    POD_SETUP = "pod-setup-failed"
    OUT_OF_MEMORY = "out-of-memory"
    CRASH_LOOP = "crash-loop"
    CONTAINER_ENDED = "container-ended"
    EVICTED = "evicted"
    NODE_LOST = "node-lost"
    POD_FAILED = "pod-failed"
    NO_HEAD = "no-head"
    HEAD_RESTARTED = "head-restarted"
    HEAD_NOT_ANSWERING = "head-not-answering"
    WAITING_FOR_WORKERS = "waiting-for-workers"
    CLUSTER_NOT_FOUND = "cluster-not-found"
    SUBMISSION_FAILED = "submission-failed"
    SUBMITTER_ENDED = "submitter-ended"
    JOB_NOT_STARTED = "job-not-started"
    APPLICATION_FAILED = "application-failed"
    DEADLINE_EXCEEDED = "deadline-exceeded"
    LAST_JOB_FAILED = "last-job-failed"
    SCHEDULE_MISSED = "schedule-missed"
    APPLICATION_UNHEALTHY = "application-unhealthy"
    UPGRADE_WAITS = "upgrade-waits-for-capacity"
    ROLLBACK = "rollback"
    STALE_STATUS = "stale-status"
    STUCK_DELETION = "stuck-deletion"
    SUSPENSION_SLOW = "suspension-slow"
    NOT_DISPATCHED = "not-dispatched"
    WARNING_EVENT = "warning-event"
    UNKNOWN = "unknown"
    DEADLINE_NEAR = "deadline-near"
    RETRYING = "retrying"
    SCHEDULING_GATED = "scheduling-gated"
    ADMISSION_PENDING = "admission-pending"
    MANAGED = "managed"
    SUSPENDED = "suspended"
    INTERACTIVE = "interactive"


DESCRIBE = "kubectl{namespace} describe {kind}/{name}"
LOGS = "kubectl{namespace} logs pod/{name}{container}"
PREVIOUS_LOGS = f"{LOGS} --previous"
SUBMITTER_LOGS = "kubectl{namespace} logs job/{name} --tail=100"
RAY_JOBS = "kubectl{namespace} exec pod/{name}{container} -- ray job list"
_EVENTS = "kubectl{namespace} get events --field-selector involvedObject.name={name}"
_YAML = "kubectl{namespace} get {kind}/{name} -o yaml"
_QUOTAS = "kubectl{namespace} describe resourcequotas"
_WORKLOADS = "kubectl{namespace} get workloads.kueue.x-k8s.io"
_CLUSTERS = "kubectl{namespace} get rayclusters"
_PARTS = "kubectl{namespace} get rayclusters,pods"
_OPERATOR = "kubectl get pods -A -l app.kubernetes.io/name=kuberay-operator"


class CauseRow(NamedTuple):
    """One cause.

    Attributes:
        severity: the usual one.
        command: what to run next, about the first object of the evidence.
        runbook: an anchor in docs/runbooks.md.
        meaning: what triggers it.
        advice: what usually helps.
    """

    severity: Severity
    command: str
    runbook: str
    meaning: str
    advice: str


_CRITICAL, _WARNING, _INFO = Severity

# One cause in three lines: how bad and what next, what triggers it, what helps.
# fmt: off
CAUSES: dict[Cause, CauseRow] = {
    Cause.OPERATOR_SILENT: CauseRow(_CRITICAL, _OPERATOR, "kuberaynotreconciling",
        "The object is more than 5 minutes old, and the operator has not written any status or Event.",
        "See whether the KubeRay operator runs, watches this namespace, and what it logs about the object."),
    Cause.NO_SERVE_ENDPOINTS: CauseRow(_CRITICAL, DESCRIBE, "rayservicenoserveendpoints",
        "No pod serves requests: the condition Ready has the reason ZeroServeEndpoints.",
        "See the head and the workers: their readiness probes ask the Serve proxy."),
    Cause.INITIALIZING_TIMEOUT: CauseRow(_CRITICAL, DESCRIBE, "rayserviceinitializingtimeout",
        "The RayService did not become ready in time, and the operator gave up (reason InitializingTimeout).",
        "Remove the cause, then change the spec: the operator starts again."),
    Cause.INVALID_SPEC: CauseRow(_WARNING, _YAML, "rayinvalidspec",
        "The operator rejected the spec: ValidationFailed, or an Event Invalid… that is newer than the status.",
        "Correct the spec as the message says; the operator validates again after the change."),
    Cause.QUOTA: CauseRow(_WARNING, _QUOTAS, "rayclusterreplicafailure",
        "The operator cannot create pods because a ResourceQuota is used up.",
        "Raise the ResourceQuota, or delete what is not needed in the namespace. The operator tries again by itself."),
    Cause.REPLICA_FAILURE: CauseRow(_WARNING, _EVENTS, "rayclusterreplicafailure",
        "The operator cannot create or delete pods for another reason.",
        "Read the message: usually an admission webhook, a missing ServiceAccount or an invalid pod template."),
    Cause.OPERATION_FAILED: CauseRow(_WARNING, _EVENTS, "rayfailedtocreate",
        "The operator failed to create, update or delete a part of the object, and has not succeeded since.",
        "Read the message: it is the answer of the API server or of Ray. The operator tries again by itself."),
    Cause.UNSCHEDULABLE: CauseRow(_WARNING, DESCRIBE, "rayclusterpodsunschedulable",
        "The scheduler finds no node for pods, or fails itself.",
        "Add nodes that have what is missing, request less, or wait until other pods end."),
    Cause.POD_REJECTED: CauseRow(_WARNING, DESCRIBE, "pod-rejected",
        "The kubelet rejected a pod that was scheduled: UnexpectedAdmissionError, OutOf…, NodeAffinity, and others.",
        "See the node's devices and labels; after a restart of a device plugin, delete the pod."),
    Cause.IMAGE_PULL: CauseRow(_WARNING, DESCRIBE, "raypodsimagepull",
        "An image cannot be pulled: ImagePullBackOff and the like.",
        "Check the image's name and tag, imagePullSecrets, and whether the nodes reach the registry."),
    Cause.CONTAINER_CONFIG: CauseRow(_WARNING, DESCRIBE, "container-config",
        "A container cannot be created or started: a missing Secret, StartError and the like.",
        "Create the Secret or ConfigMap that the message names, or correct the pod template."),
    Cause.POD_SETUP: CauseRow(_WARNING, DESCRIBE, "pod-setup-failed",
        "The kubelet cannot prepare a pod: FailedMount, FailedAttachVolume, FailedCreatePodSandBox and the like.",
        "Create the volume's Secret, ConfigMap or claim; for a sandbox, see the node's network plugin and runtime."),
    Cause.OUT_OF_MEMORY: CauseRow(_WARNING, PREVIOUS_LOGS, "rayheadoutofmemory",
        "A container exceeded its memory limit and was killed (OOMKilled), now or in the last hour.",
        "Raise the memory limit, or use less memory: fewer tasks at once, smaller batches, a smaller object store."),
    Cause.CRASH_LOOP: CauseRow(_WARNING, PREVIOUS_LOGS, "rayclusterheadpodnotready",
        "A container ends again and again (CrashLoopBackOff).",
        "Read the log of the previous run."),
    Cause.CONTAINER_ENDED: CauseRow(_WARNING, LOGS, "rayclusterheadpodnotready",
        "A container ended with an error and does not run, such as a submitter beside the head.",
        "Read the log of the container. If its pod is never restarted, delete the job and create it again."),
    Cause.EVICTED: CauseRow(_WARNING, DESCRIBE, "evicted",
        "A pod was evicted from its node, or preempted.",
        "Set requests to what is used, and check the node for pressure on memory and disk."),
    Cause.NODE_LOST: CauseRow(_WARNING, DESCRIBE, "node-lost",
        "The node of a pod does not report, or was shut down: NodeLost, NodeShutdown, Ready is Unknown.",
        "See the node. If it is gone for good, delete its Node object: Kubernetes then removes the pod."),
    Cause.POD_FAILED: CauseRow(_WARNING, DESCRIBE, "pod-failed",
        "A pod has ended, for a reason that is not in this table.",
        "Read the message of the pod, and the log of its containers."),
    Cause.NO_HEAD: CauseRow(_WARNING, DESCRIBE, "rayclusterheadpodnotready",
        "The head pod does not exist or is not ready for more than 2 minutes, and no container shows why.",
        "See the head pod, its log and its Events."),
    Cause.HEAD_RESTARTED: CauseRow(_WARNING, PREVIOUS_LOGS, "rayheadrestarted",
        "The Ray container of the head was restarted in the last hour, or the operator replaced the head pod.",
        "Without fault tolerance of the GCS, jobs and actors are lost. See why the previous run ended."),
    Cause.HEAD_NOT_ANSWERING: CauseRow(_WARNING, DESCRIBE, "rayclusterheadpodnotready",
        "The operator gets no answer about the job from the head.",
        "See the head pod, its dashboard agent, and NetworkPolicies between the operator and the head."),
    Cause.WAITING_FOR_WORKERS: CauseRow(_WARNING, DESCRIBE, "rayclusterworkersmissing",
        "Fewer workers are ready than desired for more than 5 minutes, and no pod shows why.",
        "See the pods of the cluster and their Events."),
    Cause.CLUSTER_NOT_FOUND: CauseRow(_WARNING, _CLUSTERS, "rayclusternotfound",
        "The RayCluster that the object selects or uses does not exist.",
        "Create the RayCluster, or correct clusterSelector."),
    Cause.SUBMISSION_FAILED: CauseRow(_WARNING, DESCRIBE, "rayjobfailed",
        "The submitter of the job failed, or did not end in time; the Ray job can still run.",
        "Read the log of the submitter, and check entrypoint and runtime environment."),
    Cause.SUBMITTER_ENDED: CauseRow(_WARNING, LOGS, "submitter-ended",
        "The submitter ended more than 5 minutes ago, but the Ray job has not: Ray may not know the job any more.",
        "See whether Ray still knows the job. If it does not, delete the RayJob and create it again."),
    Cause.JOB_NOT_STARTED: CauseRow(_WARNING, DESCRIBE, "job-not-started",
        "The RayJob is Running, but for more than 10 minutes Ray has not started its entrypoint.",
        "See whether the head has the CPUs that the entrypoint requests, and whether its runtime environment works."),
    Cause.APPLICATION_FAILED: CauseRow(_WARNING, DESCRIBE, "rayjobfailed",
        "The program of the job failed: reason AppFailed, or the Ray job's own status is FAILED.",
        "Read the job's log in the Ray dashboard or in the submitter pod."),
    Cause.DEADLINE_EXCEEDED: CauseRow(_WARNING, DESCRIBE, "rayjobexecutiontimeout",
        "The job took longer than activeDeadlineSeconds or preRunningDeadlineSeconds allows.",
        "Raise the deadline, or find out why the job is slow; its cluster's start counts too."),
    Cause.LAST_JOB_FAILED: CauseRow(_WARNING, DESCRIBE, "last-job-failed",
        "The newest finished RayJob of the RayCronJob failed.",
        "See the diagnosis of this RayJob."),
    Cause.SCHEDULE_MISSED: CauseRow(_WARNING, _OPERATOR, "raycronjobmissedschedule",
        "A time of the schedule passed more than 10 minutes ago, and no RayJob was created.",
        "See whether the operator runs with the feature gate RayCronJob, and what it logs about the object."),
    Cause.APPLICATION_UNHEALTHY: CauseRow(_WARNING, DESCRIBE, "rayserviceapplicationunhealthy",
        "A Serve application or a deployment of it is DEPLOY_FAILED or UNHEALTHY.",
        "Read the message and the Serve log: usually an import error, a missing package or a failing constructor."),
    Cause.UPGRADE_WAITS: CauseRow(_WARNING, DESCRIBE, "rayserviceupgradestuck",
        "The new cluster of an upgrade cannot start its pods; the old cluster still serves.",
        "Provide capacity for both clusters, or upgrade with type NewClusterWithIncrementalUpgrade."),
    Cause.ROLLBACK: CauseRow(_WARNING, DESCRIBE, "rayserviceupgradestuck",
        "An upgrade is being rolled back, or cannot be.",
        "See why the new version was not accepted; it has to be corrected in the spec."),
    Cause.STALE_STATUS: CauseRow(_WARNING, _OPERATOR, "stale-status",
        "The status contradicts the pods or the Ray job for more than 5 minutes.",
        "The operator has not renewed the status: see whether it runs, and what it logs about the object."),
    Cause.STUCK_DELETION: CauseRow(_WARNING, DESCRIBE, "rayobjectstuckdeleting",
        "The deletion was requested more than 10 minutes ago; finalizers or a node hold it back.",
        "See what owns the finalizers. If the operator runs, read its log; do not remove finalizers without need."),
    Cause.SUSPENSION_SLOW: CauseRow(_WARNING, _PARTS, "suspension-slow",
        "A suspension takes more than 10 minutes.",
        "See which cluster or pods have not ended: the suspension waits for them."),
    Cause.NOT_DISPATCHED: CauseRow(_WARNING, _WORKLOADS, "rayobjectnotdispatched",
        "Another controller manages the object (spec.managedBy), and has not started it for more than 10 minutes.",
        "See this controller: for MultiKueue the Workload, its AdmissionChecks and the worker clusters."),
    Cause.WARNING_EVENT: CauseRow(_WARNING, _EVENTS, "warning-event",
        "A Warning Event about the object or a pod of it is newer than its state.",
        "Read the message of the Event."),
    Cause.UNKNOWN: CauseRow(_WARNING, DESCRIBE, "rayclusterprovisioningstuck",
        "The object or a pod is in a state that is not known to be well, or stays too long in one.",
        "See the object, its pods and their Events, and the log of the operator."),
    Cause.DEADLINE_NEAR: CauseRow(_INFO, DESCRIBE, "rayjobdeadlinenear",
        "More than 90 % of activeDeadlineSeconds have passed: the operator will stop the job.",
        "Raise activeDeadlineSeconds if the job needs more time."),
    Cause.RETRYING: CauseRow(_INFO, DESCRIBE, "rayjobretrying",
        "An attempt of the job failed, and backoffLimit allows another one.",
        "Find out why the previous attempt failed: its cluster is deleted, so use stored logs."),
    Cause.SCHEDULING_GATED: CauseRow(_INFO, DESCRIBE, "scheduling-gated",
        "Pods have scheduling gates: another controller, such as Kueue, has to admit them.",
        "See the controller that set the gates, such as the Workload of Kueue."),
    Cause.ADMISSION_PENDING: CauseRow(_INFO, _WORKLOADS, "admission-pending",
        "The object is suspended and has the label of a Kueue queue: it waits until Kueue admits it.",
        "See the Workload and the quota of its ClusterQueue."),
    Cause.MANAGED: CauseRow(_INFO, _WORKLOADS, "managed",
        "Another controller manages the object (spec.managedBy), such as MultiKueue.",
        "Its pods, and the reasons for its state, are in the cluster that the controller chose."),
    Cause.SUSPENDED: CauseRow(_INFO, _YAML, "suspended",
        "The object is suspended by its spec.",
        "Set spec.suspend to false to continue."),
    Cause.INTERACTIVE: CauseRow(_INFO, _YAML, "interactive",
        "The RayJob has the submission mode InteractiveMode and waits until its user submits a job.",
        "Submit the job to the cluster, and set the job's id as the annotation that KubeRay documents."),
}
# fmt: on

RUNBOOKS_OF_KINDS = {
    (Cause.INVALID_SPEC, "RayJob"): "rayjobvalidationfailed",
    (Cause.UNKNOWN, "RayJob"): "rayjobstuckinitializing",
    (Cause.UNKNOWN, "RayService"): "rayservicenotready",
}
"""Where the runbook depends on the kind of the first evidence."""

RUNS_AGAIN = frozenset({Cause.EVICTED, Cause.HEAD_RESTARTED, Cause.RETRYING, Cause.DEADLINE_NEAR, Cause.WARNING_EVENT})
"""Causes that do not explain why something has not started."""
