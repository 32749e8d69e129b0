"""The table of causes: a closed list, from which docs/diagnosis.md is generated."""

from enum import StrEnum
from typing import Self


class Severity(StrEnum):
    """As docs/runbooks.md defines it for alerts; the first is the worst."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


DESCRIBE = "kubectl{namespace} describe {kind}/{name}"
LOGS = "kubectl{namespace} logs pod/{name}{container}"
PREVIOUS_LOGS = f"{LOGS} --previous"
SUBMITTER_LOGS = "kubectl{namespace} logs job/{name} --tail=100"
RAY_JOBS = "kubectl{namespace} exec pod/{name}{container} -- ray job list"
_EVENTS = "kubectl{namespace} get events --field-selector involvedObject.name={name}"
_YAML = "kubectl{namespace} get {kind}/{name} -o yaml"
_QUOTAS = "kubectl{namespace} describe resourcequotas"
WORKLOAD = "kubectl{namespace} describe workloads.kueue.x-k8s.io {name}"
_WORKLOADS = "kubectl{namespace} get workloads.kueue.x-k8s.io"
_CLUSTERS = "kubectl{namespace} get rayclusters"
_PARTS = "kubectl{namespace} get rayclusters,pods"
_OPERATOR = "kubectl get pods -A -l app.kubernetes.io/name=kuberay-operator"


_CRITICAL, _WARNING, _INFO = Severity


class Cause(StrEnum):
    """Why an object is not healthy: one cause in three lines, how bad and what next, what triggers it, what helps.

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

    def __new__(cls, name: str, severity: Severity, command: str, runbook: str, meaning: str, advice: str) -> Self:
        cause = str.__new__(cls, name)
        cause._value_ = name
        cause.severity, cause.command, cause.runbook = severity, command, runbook
        cause.meaning, cause.advice = meaning, advice
        return cause

    # fmt: off
    OPERATOR_SILENT = ("operator-silent", _CRITICAL, _OPERATOR, "kuberaynotreconciling",
        "The object is more than 5 minutes old, and the operator has not written any status or Event.",
        "See whether the KubeRay operator runs, watches this namespace, and what it logs about the object.")
    NO_SERVE_ENDPOINTS = ("no-serve-endpoints", _CRITICAL, DESCRIBE, "rayservicenoserveendpoints",
        "No pod serves requests: the condition Ready has the reason ZeroServeEndpoints.",
        "See the head and the workers: their readiness probes ask the Serve proxy.")
    INITIALIZING_TIMEOUT = ("initializing-timeout", _CRITICAL, DESCRIBE, "rayserviceinitializingtimeout",
        "The RayService did not become ready in time, and the operator gave up (reason InitializingTimeout).",
        "Remove the cause, then delete the RayService and create it again: the operator does not try again.")
    DEACTIVATED = ("deactivated", _CRITICAL, WORKLOAD, "rayobjectdeactivated",
        "Kueue has deactivated the Workload of the object, and does not queue it again by itself.",
        "Remove the cause, such as pods that are not ready in time; then set spec.active of the Workload to true.")
    INVALID_SPEC = ("invalid-spec", _WARNING, _YAML, "rayinvalidspec",
        "The operator rejected the spec: ValidationFailed, or an Event Invalid… that is newer than the status.",
        "Correct the spec as the message says; the operator validates again after the change.")
    QUOTA = ("quota", _WARNING, _QUOTAS, "rayclusterreplicafailure",
        "The operator cannot create pods because a ResourceQuota is used up.",
        "Raise the ResourceQuota, or delete what is not needed in the namespace. The operator tries again by itself.")
    REPLICA_FAILURE = ("replica-failure", _WARNING, _EVENTS, "rayclusterreplicafailure",
        "The operator cannot create or delete pods for another reason.",
        "Read the message: usually an admission webhook, a missing ServiceAccount or an invalid pod template.")
    OPERATION_FAILED = ("operation-failed", _WARNING, _EVENTS, "rayfailedtocreate",
        "The operator failed to create, update or delete a part of the object, and has not succeeded since.",
        "Read the message: it is the answer of the API server or of Ray. The operator tries again by itself.")
    UNSCHEDULABLE = ("unschedulable", _WARNING, DESCRIBE, "rayclusterpodsunschedulable",
        "The scheduler finds no node for pods, or fails itself.",
        "Add nodes that have what is missing, request less, or wait until other pods end.")
    POD_REJECTED = ("pod-rejected", _WARNING, DESCRIBE, "pod-rejected",
        "The kubelet rejected a pod that was scheduled: UnexpectedAdmissionError, OutOf…, NodeAffinity, and others.",
        "See the node's devices and labels; after a restart of a device plugin, delete the pod.")
    IMAGE_PULL = ("image-pull", _WARNING, DESCRIBE, "raypodsimagepull",
        "An image cannot be pulled: ImagePullBackOff and the like.",
        "Check the image's name and tag, imagePullSecrets, and whether the nodes reach the registry.")
    CONTAINER_CONFIG = ("container-config", _WARNING, DESCRIBE, "container-config",
        "A container cannot be created or started: a missing Secret, StartError and the like.",
        "Create the Secret or ConfigMap that the message names, or correct the pod template.")
    POD_SETUP = ("pod-setup-failed", _WARNING, DESCRIBE, "pod-setup-failed",
        "The kubelet cannot prepare a pod: FailedMount, FailedAttachVolume, FailedCreatePodSandBox and the like.",
        "Create the volume's Secret, ConfigMap or claim; for a sandbox, see the node's network plugin and runtime.")
    OUT_OF_MEMORY = ("out-of-memory", _WARNING, PREVIOUS_LOGS, "rayheadoutofmemory",
        "A container exceeded its memory limit and was killed (OOMKilled), now or in the last hour.",
        "Raise the memory limit, or use less memory: fewer tasks at once, smaller batches, a smaller object store.")
    CRASH_LOOP = ("crash-loop", _WARNING, PREVIOUS_LOGS, "rayclusterheadpodnotready",
        "A container ends again and again (CrashLoopBackOff).",
        "Read the log of the previous run.")
    CONTAINER_ENDED = ("container-ended", _WARNING, LOGS, "rayclusterheadpodnotready",
        "A container ended with an error and does not run, such as a submitter beside the head.",
        "Read its log. If it is never restarted, delete its pod; if it is a submitter, create the job again.")
    EVICTED = ("evicted", _WARNING, DESCRIBE, "evicted",
        "A pod was evicted from its node, or preempted.",
        "Set requests to what is used, and check the node for pressure on memory and disk.")
    NODE_LOST = ("node-lost", _WARNING, DESCRIBE, "node-lost",
        "The node of a pod does not report, or was shut down: NodeLost, NodeShutdown, Ready is Unknown.",
        "See the node. If it is gone for good, delete its Node object: Kubernetes then removes the pod.")
    POD_FAILED = ("pod-failed", _WARNING, DESCRIBE, "pod-failed",
        "A pod has ended, for a reason that is not in this table.",
        "Read the message of the pod, and the log of its containers.")
    NO_HEAD = ("no-head", _WARNING, DESCRIBE, "rayclusterheadpodnotready",
        "The head pod does not exist or is not ready for more than 2 minutes, and no container shows why.",
        "See the head pod, its log and its Events.")
    HEAD_RESTARTED = ("head-restarted", _WARNING, PREVIOUS_LOGS, "rayheadrestarted",
        "The Ray container of the head was restarted in the last hour, or the operator replaced the head pod.",
        "Without fault tolerance of the GCS, jobs and actors are lost. See why the previous run ended.")
    HEAD_NOT_ANSWERING = ("head-not-answering", _WARNING, DESCRIBE, "rayclusterheadpodnotready",
        "The operator gets no answer about the job from the head.",
        "See the head pod, its dashboard agent, and NetworkPolicies between the operator and the head.")
    WAITING_FOR_WORKERS = ("waiting-for-workers", _WARNING, DESCRIBE, "rayclusterworkersmissing",
        "Fewer workers are ready than desired for more than 5 minutes, and no pod shows why.",
        "See the pods of the cluster and their Events.")
    CLUSTER_NOT_FOUND = ("cluster-not-found", _WARNING, _CLUSTERS, "rayclusternotfound",
        "The RayCluster that the object selects or uses does not exist, or is being deleted while it is used.",
        "Create the RayCluster, or correct clusterSelector. Without a selector, the operator creates it: read its log.")
    SUBMISSION_FAILED = ("submission-failed", _WARNING, DESCRIBE, "rayjobfailed",
        "The submitter of the job failed, or did not end in time; the Ray job can still run.",
        "Read the log of the submitter, and check entrypoint and runtime environment.")
    SUBMITTER_ENDED = ("submitter-ended", _WARNING, LOGS, "submitter-ended",
        "The submitter ended more than 5 minutes ago, but the Ray job has not: Ray may not know the job any more.",
        "See whether Ray still knows the job. If it does not, delete the RayJob and create it again.")
    JOB_NOT_STARTED = ("job-not-started", _WARNING, DESCRIBE, "job-not-started",
        "The RayJob is Running, but for more than 10 minutes Ray has not started its entrypoint.",
        "See whether the head has the CPUs that the entrypoint requests, and whether its runtime environment works.")
    APPLICATION_FAILED = ("application-failed", _WARNING, DESCRIBE, "rayjobfailed",
        "The program of the job failed: reason AppFailed, or the Ray job's own status is FAILED.",
        "Read the job's log in the Ray dashboard or in the submitter pod.")
    DEADLINE_EXCEEDED = ("deadline-exceeded", _WARNING, DESCRIBE, "rayjobexecutiontimeout",
        "The job took longer than activeDeadlineSeconds or preRunningDeadlineSeconds allows.",
        "Raise the deadline, or find out why the job is slow; its cluster's start counts too.")
    LAST_JOB_FAILED = ("last-job-failed", _WARNING, DESCRIBE, "last-job-failed",
        "The newest finished RayJob of the RayCronJob failed.",
        "See the diagnosis of this RayJob.")
    SCHEDULE_MISSED = ("schedule-missed", _WARNING, _OPERATOR, "raycronjobmissedschedule",
        "A time of the schedule passed more than 10 minutes ago, and no RayJob was created.",
        "See whether the operator runs with the feature gate RayCronJob, and what it logs about the object.")
    APPLICATION_UNHEALTHY = ("application-unhealthy", _WARNING, DESCRIBE, "rayserviceapplicationunhealthy",
        "A Serve application or a deployment of it is DEPLOY_FAILED or UNHEALTHY.",
        "Read the message and the Serve log: usually an import error, a missing package or a failing constructor.")
    UPGRADE_WAITS = ("upgrade-waits-for-capacity", _WARNING, DESCRIBE, "rayserviceupgradestuck",
        "The new cluster of an upgrade has a finding that explains why it is not ready; the old one still serves.",
        "Remove the cause. If capacity is missing, add it, or upgrade with type NewClusterWithIncrementalUpgrade.")
    ROLLBACK = ("rollback", _WARNING, DESCRIBE, "rayserviceupgradestuck",
        "The spec was changed back during an incremental upgrade: traffic returns to the old cluster, or cannot.",
        "Wait until the old cluster has all traffic. If it is gone, correct the spec so that the new one gets ready.")
    STALE_STATUS = ("stale-status", _WARNING, _OPERATOR, "stale-status",
        "For more than 5 minutes, the status contradicts the pods or the Ray job, or there are several head pods.",
        "See whether the operator runs, and what it logs about the object. Of several head pods, delete all but one.")
    STUCK_DELETION = ("stuck-deletion", _WARNING, DESCRIBE, "rayobjectstuckdeleting",
        "The deletion was requested more than 10 minutes ago; finalizers or a node hold it back.",
        "See what owns the finalizers. If the operator runs, read its log; do not remove finalizers without need.")
    SUSPENSION_SLOW = ("suspension-slow", _WARNING, _PARTS, "suspension-slow",
        "A suspension takes more than 10 minutes.",
        "See which cluster or pods have not ended: the suspension waits for them.")
    EXCEEDS_QUOTA = ("exceeds-quota", _WARNING, WORKLOAD, "rayobjectexceedsquota",
        "The object asks for more than its queue can give under the present quotas, borrowing included.",
        "Ask for less, use a queue with another flavor, or raise the quota of the ClusterQueue.")
    INADMISSIBLE = ("inadmissible", _WARNING, WORKLOAD, "inadmissible",
        "Kueue cannot admit the object: its queue, a flavor or an admission check refuses it.",
        "Read the message: see that the queue and its flavors exist, and what decides the admission check.")
    NOT_DISPATCHED = ("not-dispatched", _WARNING, _WORKLOADS, "rayobjectnotdispatched",
        "Another controller manages the object (spec.managedBy), and has not started it for more than 10 minutes.",
        "See this controller: for MultiKueue the Workload, its AdmissionChecks and the worker clusters.")
    WARNING_EVENT = ("warning-event", _WARNING, _EVENTS, "warning-event",
        "A Warning Event about the object or a pod of it is newer than its state.",
        "Read the message of the Event.")
    UNKNOWN = ("unknown", _WARNING, DESCRIBE, "rayclusterprovisioningstuck",
        "The object or a pod is in a state that is not known to be well, or stays too long in one.",
        "See the object, its pods and their Events, and the log of the operator.")
    DEADLINE_NEAR = ("deadline-near", _INFO, DESCRIBE, "rayjobdeadlinenear",
        "More than 90 % of activeDeadlineSeconds have passed: the operator will stop the job.",
        "Raise activeDeadlineSeconds if the job needs more time.")
    RETRYING = ("retrying", _INFO, DESCRIBE, "rayjobretrying",
        "An attempt of the job failed, and backoffLimit allows another one.",
        "Find out why the previous attempt failed: its cluster is deleted, so use stored logs.")
    SCHEDULING_GATED = ("scheduling-gated", _INFO, DESCRIBE, "scheduling-gated",
        "Pods have scheduling gates: another controller, such as Kueue, has to admit them.",
        "See the controller that set the gates, such as the Workload of Kueue.")
    ADMISSION_PENDING = ("admission-pending", _INFO, _WORKLOADS, "admission-pending",
        "The object is suspended and has the label of a Kueue queue: it waits until Kueue admits it.",
        "See the Workload and the quota of its ClusterQueue.")
    REQUEUED = ("requeued", _INFO, WORKLOAD, "requeued",
        "Kueue stopped the object, for one of higher priority or as its pods were not ready, and will start it again.",
        "See the Workload's conditions. If it is evicted again and again, see the alert RayObjectEvictedRepeatedly.")
    MANAGED = ("managed", _INFO, _WORKLOADS, "managed",
        "Another controller manages the object (spec.managedBy), such as MultiKueue.",
        "Its pods, and the reasons for its state, are in the cluster that the controller chose.")
    SUSPENDED = ("suspended", _INFO, _YAML, "suspended",
        "The object is suspended by its spec.",
        "Set spec.suspend to false to continue.")
    INTERACTIVE = ("interactive", _INFO, _YAML, "interactive",
        "The RayJob has the submission mode InteractiveMode and waits until its user submits a job.",
        "Submit the job to the cluster, and set the job's id as the annotation that KubeRay documents.")
    # fmt: on


RUNBOOKS_OF_KINDS = {
    (Cause.INVALID_SPEC, "RayJob"): "rayjobvalidationfailed",
    (Cause.UNKNOWN, "RayJob"): "rayjobstuckinitializing",
    (Cause.UNKNOWN, "RayService"): "rayservicenotready",
}
"""Where the runbook depends on the kind of the first evidence."""

RUNS_AGAIN = frozenset({Cause.EVICTED, Cause.HEAD_RESTARTED, Cause.RETRYING, Cause.DEADLINE_NEAR, Cause.WARNING_EVENT})
"""Causes that do not explain why something has not started."""
