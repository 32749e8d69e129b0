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
_OPERATOR = "kubectl get pods -A -l app.kubernetes.io/name=kuberay-operator"


class CauseRow(NamedTuple):
    """One cause.

    Attributes:
        severity: the usual one.
        meaning: what triggers it.
        evidence: where it is read.
        advice: what usually helps.
        command: what to run next, about the first object of the evidence.
        runbook: an anchor in docs/runbooks.md, "" if none is about it.
    """

    severity: Severity
    meaning: str
    evidence: str
    advice: str
    command: str
    runbook: str = ""


_PROVISIONING = "rayclusterprovisioningstuck"
_HEAD = "rayclusterheadpodnotready"
_FAILED = "rayjobfailed"
_CRITICAL, _WARNING, _INFO = Severity

CAUSES: dict[Cause, CauseRow] = {
    Cause.OPERATOR_SILENT: CauseRow(
        _CRITICAL,
        "The object is more than 5 minutes old, and the operator has not written any status or Event.",
        "status",
        "See whether the KubeRay operator runs, watches this namespace, and what it logs about the object.",
        _OPERATOR,
        "kuberaynotreconciling",
    ),
    Cause.NO_SERVE_ENDPOINTS: CauseRow(
        _CRITICAL,
        "No pod serves requests: the condition Ready has the reason ZeroServeEndpoints.",
        "status.conditions[Ready]",
        "See the head and the workers: their readiness probes ask the Serve proxy.",
        DESCRIBE,
        "rayservicenoserveendpoints",
    ),
    Cause.INITIALIZING_TIMEOUT: CauseRow(
        _CRITICAL,
        "The RayService did not become ready in time, and the operator gave up (reason InitializingTimeout).",
        "status.conditions[Ready], Event RayServiceInitializingTimeout",
        "Remove the cause, then change the spec: the operator starts again.",
        DESCRIBE,
        "rayserviceinitializingtimeout",
    ),
    Cause.INVALID_SPEC: CauseRow(
        _WARNING,
        "The operator rejected the spec: ValidationFailed, or an Event Invalid… that is newer than the status.",
        "status.message, status.conditions[Ready], Event Invalid…",
        "Correct the spec as the message says; the operator validates again after the change.",
        _YAML,
        "rayinvalidspec",
    ),
    Cause.QUOTA: CauseRow(
        _WARNING,
        "The operator cannot create pods because a ResourceQuota is used up.",
        "status.conditions[ReplicaFailure], status.reason, Event FailedToCreate…",
        "Raise the ResourceQuota, or delete what is not needed in the namespace. The operator tries again by itself.",
        _QUOTAS,
        "rayclusterreplicafailure",
    ),
    Cause.REPLICA_FAILURE: CauseRow(
        _WARNING,
        "The operator cannot create or delete pods for another reason.",
        "status.conditions[ReplicaFailure], status.reason",
        "Read the message: usually an admission webhook, a missing ServiceAccount or an invalid pod template.",
        _EVENTS,
        "rayclusterreplicafailure",
    ),
    Cause.OPERATION_FAILED: CauseRow(
        _WARNING,
        "The operator failed to create, update or delete a part of the object, and has not succeeded since.",
        "Event FailedTo…",
        "Read the message: it is the answer of the API server or of Ray. The operator tries again by itself.",
        _EVENTS,
        "rayfailedtocreate",
    ),
    Cause.UNSCHEDULABLE: CauseRow(
        _WARNING,
        "The scheduler finds no node for pods, or fails itself.",
        "Pod: status.conditions[PodScheduled], Event FailedScheduling",
        "Add nodes that have what is missing, request less, or wait until other pods end.",
        DESCRIBE,
        "rayclusterpodsunschedulable",
    ),
    Cause.POD_REJECTED: CauseRow(
        _WARNING,
        "The kubelet rejected a pod that was scheduled: UnexpectedAdmissionError, OutOf…, NodeAffinity, and others.",
        "Pod: status.reason, status.message",
        "See the node's devices and labels; after a restart of a device plugin, delete the pod.",
        DESCRIBE,
        _PROVISIONING,
    ),
    Cause.IMAGE_PULL: CauseRow(
        _WARNING,
        "An image cannot be pulled: ImagePullBackOff and the like.",
        "Pod: state.waiting of a container; status.conditions[HeadPodReady]",
        "Check the image's name and tag, imagePullSecrets, and whether the nodes reach the registry.",
        DESCRIBE,
        "raypodsimagepull",
    ),
    Cause.CONTAINER_CONFIG: CauseRow(
        _WARNING,
        "A container cannot be created or started: a missing Secret, StartError and the like.",
        "Pod: state.waiting and state.terminated of a container",
        "Create the Secret or ConfigMap that the message names, or correct the pod template.",
        DESCRIBE,
        _PROVISIONING,
    ),
    Cause.POD_SETUP: CauseRow(
        _WARNING,
        "The kubelet cannot prepare a pod: FailedMount, FailedAttachVolume, FailedCreatePodSandBox and the like.",
        "Pod: Event",
        "Create the volume's Secret, ConfigMap or claim; for a sandbox, see the node's network plugin and runtime.",
        DESCRIBE,
        _PROVISIONING,
    ),
    Cause.OUT_OF_MEMORY: CauseRow(
        _WARNING,
        "A container exceeded its memory limit and was killed (OOMKilled), now or in the last hour.",
        "Pod: state.terminated, lastState.terminated of a container",
        "Raise the memory limit, or use less memory: fewer tasks at once, smaller batches, a smaller object store.",
        PREVIOUS_LOGS,
        "rayheadoutofmemory",
    ),
    Cause.CRASH_LOOP: CauseRow(
        _WARNING,
        "A container ends again and again (CrashLoopBackOff).",
        "Pod: state.waiting, lastState.terminated of a container",
        "Read the log of the previous run.",
        PREVIOUS_LOGS,
        _HEAD,
    ),
    Cause.CONTAINER_ENDED: CauseRow(
        _WARNING,
        "A container ended with an error and does not run, such as a submitter beside the head.",
        "Pod: state.terminated of a container",
        "Read the log of the container. If its pod is never restarted, delete the job and create it again.",
        LOGS,
        _HEAD,
    ),
    Cause.EVICTED: CauseRow(
        _WARNING,
        "A pod was evicted from its node, or preempted.",
        "Pod: status.reason, status.message",
        "Set requests to what is used, and check the node for pressure on memory and disk.",
        DESCRIBE,
        _PROVISIONING,
    ),
    Cause.NODE_LOST: CauseRow(
        _WARNING,
        "The node of a pod does not report, or was shut down: NodeLost, NodeShutdown, Ready is Unknown.",
        "Pod: status.reason, status.conditions[Ready], metadata.deletionTimestamp",
        "See the node. If it is gone for good, delete its Node object: Kubernetes then removes the pod.",
        DESCRIBE,
        _HEAD,
    ),
    Cause.POD_FAILED: CauseRow(
        _WARNING,
        "A pod has ended, for a reason that is not in this table.",
        "Pod: status.phase, status.reason, status.message",
        "Read the message of the pod, and the log of its containers.",
        DESCRIBE,
        _PROVISIONING,
    ),
    Cause.NO_HEAD: CauseRow(
        _WARNING,
        "The head pod does not exist or is not ready for more than 2 minutes, and no container shows why.",
        "status.conditions[HeadPodReady]; Pod: status.conditions[Ready]",
        "See the head pod, its log and its Events.",
        DESCRIBE,
        _HEAD,
    ),
    Cause.HEAD_RESTARTED: CauseRow(
        _WARNING,
        "The Ray container of the head was restarted in the last hour, or the operator replaced the head pod.",
        "Pod: lastState.terminated of the Ray container; Event DeletedHeadPod",
        "Without fault tolerance of the GCS, jobs and actors are lost. See why the previous run ended.",
        PREVIOUS_LOGS,
        "rayheadrestarted",
    ),
    Cause.HEAD_NOT_ANSWERING: CauseRow(
        _WARNING,
        "The operator gets no answer about the job from the head.",
        "status.jobStatusCheckFailureStartTime, status.reason, FailedToGetJobStatus",
        "See the head pod, its dashboard agent, and NetworkPolicies between the operator and the head.",
        DESCRIBE,
        _HEAD,
    ),
    Cause.WAITING_FOR_WORKERS: CauseRow(
        _WARNING,
        "Fewer workers are ready than desired for more than 5 minutes, and no pod shows why.",
        "status.readyWorkerReplicas, of a RayService's cluster status.availableWorkerReplicas",
        "See the pods of the cluster and their Events.",
        DESCRIBE,
        "rayclusterworkersmissing",
    ),
    Cause.CLUSTER_NOT_FOUND: CauseRow(
        _WARNING,
        "The RayCluster that the object selects or uses does not exist.",
        "status.rayClusterName, status.activeServiceStatus, Event RayClusterNotFound",
        "Create the RayCluster, or correct clusterSelector.",
        _CLUSTERS,
        "rayclusternotfound",
    ),
    Cause.SUBMISSION_FAILED: CauseRow(
        _WARNING,
        "The submitter of the job failed, or did not end in time; the Ray job can still run.",
        "status.reason, FailedJobDeploy",
        "Read the log of the submitter, and check entrypoint and runtime environment.",
        DESCRIBE,
        _FAILED,
    ),
    Cause.SUBMITTER_ENDED: CauseRow(
        _WARNING,
        "The submitter ended more than 5 minutes ago, but the Ray job has not: Ray may not know the job any more.",
        "Pod of the submitter: state.terminated",
        "See whether Ray still knows the job. If it does not, delete the RayJob and create it again.",
        LOGS,
        "rayheadrestarted",
    ),
    Cause.JOB_NOT_STARTED: CauseRow(
        _WARNING,
        "The RayJob is Running, but for more than 10 minutes Ray has not started its entrypoint.",
        "status.jobStatus",
        "See whether the head has the CPUs that the entrypoint requests, and whether its runtime environment is ready.",
        DESCRIBE,
        "rayjobexecutiontimeout",
    ),
    Cause.APPLICATION_FAILED: CauseRow(
        _WARNING,
        "The program of the job failed: reason AppFailed, or the Ray job's own status is FAILED.",
        "status.reason, status.jobStatus",
        "Read the job's log in the Ray dashboard or in the submitter pod.",
        DESCRIBE,
        _FAILED,
    ),
    Cause.DEADLINE_EXCEEDED: CauseRow(
        _WARNING,
        "The job took longer than activeDeadlineSeconds or preRunningDeadlineSeconds allows.",
        "status.reason, spec.activeDeadlineSeconds",
        "Raise the deadline, or find out why the job is slow; its cluster's start counts too.",
        DESCRIBE,
        "rayjobexecutiontimeout",
    ),
    Cause.LAST_JOB_FAILED: CauseRow(
        _WARNING,
        "The newest finished RayJob of the RayCronJob failed.",
        "RayJob: status.reason",
        "See the diagnosis of this RayJob.",
        DESCRIBE,
        _FAILED,
    ),
    Cause.SCHEDULE_MISSED: CauseRow(
        _WARNING,
        "A time of the schedule passed more than 10 minutes ago, and no RayJob was created.",
        "status.lastScheduleTime, spec.schedule",
        "See whether the operator runs with the feature gate RayCronJob, and what it logs about the object.",
        _OPERATOR,
        "kuberaynotreconciling",
    ),
    Cause.APPLICATION_UNHEALTHY: CauseRow(
        _WARNING,
        "A Serve application or a deployment of it is DEPLOY_FAILED or UNHEALTHY.",
        "status.activeServiceStatus, status.pendingServiceStatus: applicationStatuses",
        "Read the message and the Serve log: usually an import error, a missing package or a failing constructor.",
        DESCRIBE,
        "rayserviceapplicationunhealthy",
    ),
    Cause.UPGRADE_WAITS: CauseRow(
        _WARNING,
        "The new cluster of an upgrade cannot start its pods; the old cluster still serves.",
        "as of the pending RayCluster",
        "Provide capacity for both clusters, or upgrade with type NewClusterWithIncrementalUpgrade.",
        DESCRIBE,
        "rayserviceupgradestuck",
    ),
    Cause.ROLLBACK: CauseRow(
        _WARNING,
        "An upgrade is being rolled back, or cannot be.",
        "status.conditions[RollbackInProgress], Event RollbackImpossible",
        "See why the new version was not accepted; it has to be corrected in the spec.",
        DESCRIBE,
        "rayserviceupgradestuck",
    ),
    Cause.STALE_STATUS: CauseRow(
        _WARNING,
        "The status contradicts the pods or the Ray job for more than 5 minutes.",
        "status; Pod: status.conditions[Ready]",
        "The operator has not renewed the status: see whether it runs, and what it logs about the object.",
        _OPERATOR,
        "kuberaynotreconciling",
    ),
    Cause.STUCK_DELETION: CauseRow(
        _WARNING,
        "The deletion was requested more than 10 minutes ago; finalizers or a node hold it back.",
        "metadata.deletionTimestamp, metadata.finalizers, of an object or a pod",
        "See what owns the finalizers. If the operator runs, read its log; do not remove finalizers without need.",
        DESCRIBE,
        "rayobjectstuckdeleting",
    ),
    Cause.SUSPENSION_SLOW: CauseRow(
        _WARNING,
        "A suspension takes more than 10 minutes.",
        "status.conditions[Suspending], status.jobDeploymentStatus",
        "See which cluster or pods have not ended: the suspension waits for them.",
        "kubectl{namespace} get rayclusters,pods",
        "rayobjectstuckdeleting",
    ),
    Cause.NOT_DISPATCHED: CauseRow(
        _WARNING,
        "Another controller manages the object (spec.managedBy), and has not started it for more than 10 minutes.",
        "spec.managedBy, status",
        "See this controller: for MultiKueue the Workload, its AdmissionChecks and the worker clusters.",
        _WORKLOADS,
        "kuberaynotreconciling",
    ),
    Cause.WARNING_EVENT: CauseRow(
        _WARNING,
        "A Warning Event about the object or a pod of it is newer than its state.",
        "Event",
        "Read the message of the Event.",
        _EVENTS,
    ),
    Cause.UNKNOWN: CauseRow(
        _WARNING,
        "The object or a pod is in a state that is not known to be well, or stays too long in one.",
        "status",
        "See the object, its pods and their Events, and the log of the operator.",
        DESCRIBE,
        _PROVISIONING,
    ),
    Cause.DEADLINE_NEAR: CauseRow(
        _INFO,
        "More than 90 % of activeDeadlineSeconds have passed: the operator will stop the job.",
        "spec.activeDeadlineSeconds, status.startTime",
        "Raise activeDeadlineSeconds if the job needs more time.",
        DESCRIBE,
        "rayjobdeadlinenear",
    ),
    Cause.RETRYING: CauseRow(
        _INFO,
        "An attempt of the job failed, and backoffLimit allows another one.",
        "status.failed",
        "Find out why the previous attempt failed: its cluster is deleted, so use stored logs.",
        DESCRIBE,
        "rayjobretrying",
    ),
    Cause.SCHEDULING_GATED: CauseRow(
        _INFO,
        "Pods have scheduling gates: another controller, such as Kueue, has to admit them.",
        "Pod: status.conditions[PodScheduled]",
        "See the controller that set the gates, such as the Workload of Kueue.",
        DESCRIBE,
    ),
    Cause.ADMISSION_PENDING: CauseRow(
        _INFO,
        "The object is suspended and has the label of a Kueue queue: it waits until Kueue admits it.",
        "status, spec.suspend",
        "See the Workload and the quota of its ClusterQueue.",
        _WORKLOADS,
    ),
    Cause.MANAGED: CauseRow(
        _INFO,
        "Another controller manages the object (spec.managedBy), such as MultiKueue.",
        "spec.managedBy",
        "Its pods, and the reasons for its state, are in the cluster that the controller chose.",
        _WORKLOADS,
    ),
    Cause.SUSPENDED: CauseRow(
        _INFO,
        "The object is suspended by its spec.",
        "status, spec.suspend",
        "Set spec.suspend to false to continue.",
        _YAML,
    ),
    Cause.INTERACTIVE: CauseRow(
        _INFO,
        "The RayJob has the submission mode InteractiveMode and waits until its user submits a job.",
        "status.jobDeploymentStatus",
        "Submit the job to the cluster, and set the job's id as the annotation that KubeRay documents.",
        _YAML,
    ),
}

RUNBOOKS_OF_KINDS = {
    (Cause.INVALID_SPEC, "RayJob"): "rayjobvalidationfailed",
    (Cause.UNKNOWN, "RayJob"): "rayjobstuckinitializing",
    (Cause.UNKNOWN, "RayService"): "rayservicenotready",
    (Cause.OUT_OF_MEMORY, "RayJob"): _FAILED,
}
"""Where the runbook depends on the kind of the first evidence."""

RUNS_AGAIN = frozenset({Cause.EVICTED, Cause.HEAD_RESTARTED, Cause.RETRYING, Cause.DEADLINE_NEAR, Cause.WARNING_EVENT})
"""Causes that do not explain why something has not started."""
