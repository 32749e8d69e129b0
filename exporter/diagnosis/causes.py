"""The table of causes: a closed list, from which docs/diagnosis.md is generated."""

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How bad a finding is; the first is the worst."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Cause(StrEnum):
    """Why an object is not healthy."""

    INVALID_SPEC = "invalid-spec"
    QUOTA = "quota"
    REPLICA_FAILURE = "replica-failure"
    UNSCHEDULABLE = "unschedulable"
    IMAGE_PULL = "image-pull"
    CONTAINER_CONFIG = "container-config"
    OUT_OF_MEMORY = "out-of-memory"
    CRASH_LOOP = "crash-loop"
    EVICTED = "evicted"
    SCHEDULING_GATED = "scheduling-gated"
    NO_HEAD = "no-head"
    HEAD_RESTARTED = "head-restarted"
    HEAD_NOT_ANSWERING = "head-not-answering"
    WAITING_FOR_WORKERS = "waiting-for-workers"
    CLUSTER_NOT_FOUND = "cluster-not-found"
    SUBMISSION_FAILED = "submission-failed"
    APPLICATION_FAILED = "application-failed"
    DEADLINE_EXCEEDED = "deadline-exceeded"
    DEADLINE_NEAR = "deadline-near"
    RETRYING = "retrying"
    LAST_JOB_FAILED = "last-job-failed"
    APPLICATION_UNHEALTHY = "application-unhealthy"
    NO_SERVE_ENDPOINTS = "no-serve-endpoints"
    INITIALIZING_TIMEOUT = "initializing-timeout"
    UPGRADE_WAITS = "upgrade-waits-for-capacity"
    ROLLBACK = "rollback"
    OPERATOR_SILENT = "operator-silent"
    STUCK_DELETION = "stuck-deletion"
    SUSPENSION_SLOW = "suspension-slow"
    ADMISSION_PENDING = "admission-pending"
    SUSPENDED = "suspended"
    INTERACTIVE = "interactive"
    UNKNOWN = "unknown"


class CauseRow(NamedTuple):
    """One cause.

    Attributes:
        severity: the usual one.
        meaning: what it means, and where it is read.
        advice: what usually helps.
        runbook: an anchor in docs/runbooks.md, "" if no alert is about it.
    """

    severity: Severity
    meaning: str
    advice: str
    runbook: str = ""


_PROVISIONING = "rayclusterprovisioningstuck"
_HEAD = "rayclusterheadpodnotready"
_FAILED = "rayjobfailed"

CAUSES: dict[Cause, CauseRow] = {
    Cause.INVALID_SPEC: CauseRow(
        Severity.CRITICAL,
        "The operator rejected the spec: ValidationFailed, or an Event Invalid… of an object without a status.",
        "Correct the spec as the message says; the operator validates again after the change.",
        "rayjobvalidationfailed",
    ),
    Cause.QUOTA: CauseRow(
        Severity.CRITICAL,
        "The operator cannot create pods because a ResourceQuota is used up (condition ReplicaFailure).",
        "Raise the ResourceQuota, or delete what is not needed in the namespace. The operator tries again by itself.",
        "rayclusterreplicafailure",
    ),
    Cause.REPLICA_FAILURE: CauseRow(
        Severity.CRITICAL,
        "The operator cannot create or delete pods for another reason (condition ReplicaFailure).",
        "Read the message: usually an admission webhook, a missing ServiceAccount or an invalid pod template.",
        "rayclusterreplicafailure",
    ),
    Cause.UNSCHEDULABLE: CauseRow(
        Severity.CRITICAL,
        "The scheduler finds no node for pods (condition PodScheduled of the pod).",
        "Add nodes that have what is missing, request less, or wait until other pods end.",
        _PROVISIONING,
    ),
    Cause.IMAGE_PULL: CauseRow(
        Severity.CRITICAL,
        "An image cannot be pulled (waiting reason of a container, such as ImagePullBackOff).",
        "Check the image's name and tag, imagePullSecrets, and whether the nodes reach the registry.",
        _PROVISIONING,
    ),
    Cause.CONTAINER_CONFIG: CauseRow(
        Severity.CRITICAL,
        "A container cannot be created, such as CreateContainerConfigError because of a missing Secret.",
        "Create the Secret or ConfigMap that the message names, or correct the pod template.",
        _PROVISIONING,
    ),
    Cause.OUT_OF_MEMORY: CauseRow(
        Severity.CRITICAL,
        "A container exceeded its memory limit and was killed (OOMKilled), now or in the last hour.",
        "Raise the memory limit, or use less memory: fewer tasks at once, smaller batches, a smaller object store.",
        _HEAD,
    ),
    Cause.CRASH_LOOP: CauseRow(
        Severity.CRITICAL,
        "A container ends again and again (CrashLoopBackOff).",
        "Read the log of the previous run: kubectl logs --previous.",
        _HEAD,
    ),
    Cause.EVICTED: CauseRow(
        Severity.WARNING,
        "A pod was evicted from its node.",
        "Set requests to what is used, and check the node for pressure on memory and disk.",
    ),
    Cause.SCHEDULING_GATED: CauseRow(
        Severity.INFO,
        "Pods have scheduling gates: another controller, such as Kueue, has to admit them.",
        "See the controller that set the gates, such as the Workload of Kueue.",
    ),
    Cause.NO_HEAD: CauseRow(
        Severity.CRITICAL,
        "The head pod does not exist or is not ready (condition HeadPodReady), and no pod shows why.",
        "See the head pod, its log, and the Events of the pod: kubectl describe pod.",
        _HEAD,
    ),
    Cause.HEAD_RESTARTED: CauseRow(
        Severity.WARNING,
        "The head ended in the last hour. Without fault tolerance of the GCS, its jobs and actors are lost.",
        "Read the log of the previous run; see whether the head has enough memory.",
        _HEAD,
    ),
    Cause.HEAD_NOT_ANSWERING: CauseRow(
        Severity.CRITICAL,
        "The operator gets no answer about the job from the head (status.jobStatusCheckFailureStartTime).",
        "See the head pod, its dashboard agent, and NetworkPolicies between the operator and the head.",
        _HEAD,
    ),
    Cause.WAITING_FOR_WORKERS: CauseRow(
        Severity.WARNING,
        "Fewer workers are ready than desired for several minutes, and no pod shows why.",
        "See the pods of the cluster and their Events: kubectl describe pod.",
        "rayclusterworkersmissing",
    ),
    Cause.CLUSTER_NOT_FOUND: CauseRow(
        Severity.CRITICAL,
        "The RayCluster that the RayJob selects does not exist.",
        "Create the RayCluster, or correct clusterSelector.",
        "rayjobstuckinitializing",
    ),
    Cause.SUBMISSION_FAILED: CauseRow(
        Severity.CRITICAL,
        "The submitter of the job failed, or did not end in time (reason SubmissionFailed); the Ray job can still run.",
        "Read the log of the submitter pod, and check entrypoint and runtime environment.",
        _FAILED,
    ),
    Cause.APPLICATION_FAILED: CauseRow(
        Severity.CRITICAL,
        "The program of the job failed (reason AppFailed, or the Ray job's own status is FAILED).",
        "Read the job's log in the Ray dashboard or in the submitter pod.",
        _FAILED,
    ),
    Cause.DEADLINE_EXCEEDED: CauseRow(
        Severity.CRITICAL,
        "The job took longer than a deadline allows (reasons DeadlineExceeded and PreRunningDeadlineExceeded).",
        "Raise the deadline, or find out why the job is slow; its cluster's start counts too.",
        _FAILED,
    ),
    Cause.DEADLINE_NEAR: CauseRow(
        Severity.WARNING,
        "More than 90 % of activeDeadlineSeconds have passed: the operator will stop the job.",
        "Raise activeDeadlineSeconds if the job needs more time.",
        "rayjobexecutiontimeout",
    ),
    Cause.RETRYING: CauseRow(
        Severity.WARNING,
        "An attempt of the job failed, and backoffLimit allows another one.",
        "Find out why the previous attempt failed: its cluster is deleted, so use stored logs.",
        "rayjobretrying",
    ),
    Cause.LAST_JOB_FAILED: CauseRow(
        Severity.WARNING,
        "The newest RayJob of the RayCronJob failed.",
        "See the diagnosis of this RayJob.",
        _FAILED,
    ),
    Cause.APPLICATION_UNHEALTHY: CauseRow(
        Severity.CRITICAL,
        "A Serve application is DEPLOY_FAILED or UNHEALTHY, or a deployment of it is UNHEALTHY or DEPLOY_FAILED.",
        "Read the message and the Serve log: usually an import error, a missing package or a failing constructor.",
        "rayserviceapplicationunhealthy",
    ),
    Cause.NO_SERVE_ENDPOINTS: CauseRow(
        Severity.CRITICAL,
        "No pod serves requests (condition Ready with the reason ZeroServeEndpoints).",
        "See the head and the workers: their readiness probes ask the Serve proxy.",
        "rayservicenoserveendpoints",
    ),
    Cause.INITIALIZING_TIMEOUT: CauseRow(
        Severity.CRITICAL,
        "The RayService did not become ready in time, and the operator gave up (reason InitializingTimeout).",
        "Remove the cause, then change the spec: the operator starts again.",
        "rayservicenotready",
    ),
    Cause.UPGRADE_WAITS: CauseRow(
        Severity.WARNING,
        "The new cluster of an upgrade cannot start its pods; the old cluster still serves.",
        "Provide capacity for both clusters, or upgrade with type NewClusterWithIncrementalUpgrade.",
        "rayserviceupgradestuck",
    ),
    Cause.ROLLBACK: CauseRow(
        Severity.WARNING,
        "An upgrade is being rolled back (condition RollbackInProgress).",
        "See why the new version was not accepted; it has to be corrected in the spec.",
        "rayserviceupgradestuck",
    ),
    Cause.OPERATOR_SILENT: CauseRow(
        Severity.CRITICAL,
        "The object is several minutes old, and the operator has not written any status.",
        "See whether the KubeRay operator runs, watches this namespace, and what it logs about the object.",
        "kuberaynotreconciling",
    ),
    Cause.STUCK_DELETION: CauseRow(
        Severity.WARNING,
        "The deletion was requested more than ten minutes ago; finalizers or pods hold it back.",
        "See what owns the finalizers. If the operator runs, read its log; do not remove finalizers without need.",
        "rayobjectstuckdeleting",
    ),
    Cause.SUSPENSION_SLOW: CauseRow(
        Severity.WARNING,
        "A suspension takes more than ten minutes.",
        "See which pods still end: kubectl get pods.",
    ),
    Cause.ADMISSION_PENDING: CauseRow(
        Severity.INFO,
        "The object is suspended and has the label of a Kueue queue: it waits until Kueue admits it.",
        "See the Workload and the quota of its ClusterQueue: kubectl get workloads.",
    ),
    Cause.SUSPENDED: CauseRow(
        Severity.INFO,
        "The object is suspended by its spec.",
        "Set spec.suspend to false to continue.",
    ),
    Cause.INTERACTIVE: CauseRow(
        Severity.INFO,
        "The RayJob has the submission mode InteractiveMode and waits until its user submits a job.",
        "Submit the job to the cluster, and set the job's id as the annotation that KubeRay documents.",
    ),
    Cause.UNKNOWN: CauseRow(
        Severity.WARNING,
        "The object does not get ahead, and nothing that was read shows why.",
        "See the pods of the object, their Events (kubectl describe pod), and the log of the operator.",
        _PROVISIONING,
    ),
}
