"""Why Kueue does not run an object, from its Workload.

Says what Kueue wrote, and nothing that it does not say: no position in a queue, no time of a start, nobody who blocks.
What is missing is that of the last evaluation, for one pod set and flavor.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from exporter.diagnosis.causes import WORKLOAD, Cause, Severity
from exporter.diagnosis.finding import Evidence, Finding, bounded, evidence_of, finding
from exporter.diagnosis.phrases import ago, count, lasting, one_line, quoted
from exporter.diagnosis.related import Related
from exporter.resources.detailed import DetailedObject, DetailedWorkload
from exporter.resources.workload import RequeueState, excesses

_UNUSED = re.compile(r"insufficient unused quota for ([^\s,…]+) in flavor ([^\s,…]+), ([^\s,…]+) more needed")
_WRONG = ("Inadmissible", "Misconfigured", "NoMatchingFlavor")
_STOPPED = {"ClusterQueueStopped": "cluster queue", "LocalQueueStopped": "local queue"}
_DUE_TO = "DeactivatedDueTo"

_EXPLAINED = {
    *(Cause.ADMISSION_PENDING, Cause.SUSPENDED, Cause.MANAGED, Cause.NOT_DISPATCHED, Cause.OPERATOR_SILENT),
    *(Cause.UNKNOWN, Cause.NO_HEAD, Cause.WAITING_FOR_WORKERS, Cause.SCHEDULING_GATED),
}
"""What an object without quota, or one that runs in another cluster, shows for that reason alone."""


def with_workload(obj: DetailedObject, found: Sequence[Finding], related: Related, now: datetime) -> Sequence[Finding]:
    """Return findings of an object with what its Workload says, in place of what only follows from that."""
    workload = related.workload
    if workload is None:
        return list(map(_without_workload, found)) if related.known.workloads else found
    state = workload.state
    has_ended = getattr(obj.status, "job_deployment_status", None) in ("Complete", "Failed")
    if state == "finished" or has_ended or obj.metadata.deletion_timestamp is not None:
        return found
    if state != "admitted" or workload.status.cluster_name:
        return [*_findings(workload, state, now), *(item for item in found if item.cause not in _EXPLAINED)]
    return [*(_admitted(workload, item, now) for item in found), *_held_quota(obj, workload)]


def _without_workload(item: Finding) -> Finding:
    is_pending = item.cause is Cause.ADMISSION_PENDING
    return replace(item, sentence=f"{item.sentence} No Workload of it was seen.") if is_pending else item


def _admitted(workload: DetailedWorkload, item: Finding, now: datetime) -> Finding:
    evidence = _evidence(workload, "Admitted")
    words = f"Admitted by Kueue{ago(now, evidence.time)}, but still suspended"
    return (
        finding(Cause.SUSPENDED, words, evidence, command=WORKLOAD) if item.cause is Cause.ADMISSION_PENDING else item
    )


def _held_quota(obj: DetailedObject, workload: DetailedWorkload) -> Iterator[Finding]:
    """A job with an invalid spec never ends, and Kueue before 0.18.5 and 0.19.1 does not stop it."""
    if getattr(obj.status, "job_deployment_status", None) == "ValidationFailed":
        sentence = f"Quota{_in_cluster_queue(workload)} is still reserved for it, although its spec is invalid"
        yield finding(Cause.INVALID_SPEC, sentence, _evidence(workload, "QuotaReserved"), command=WORKLOAD)


def _findings(workload: DetailedWorkload, state: str, now: datetime) -> Iterator[Finding]:
    """Yield what a Workload says that is neither finished nor admitted, or is admitted in another cluster."""
    match state:
        case "inactive":
            yield _deactivated(workload, now)
        case "evicting":
            evidence = _evidence(workload, "Evicted")
            words = f"Being evicted ({_reason(workload, 'Evicted')}){lasting(now, evidence.time)}"
            yield finding(Cause.REQUEUED, f"{words}: its quota stays reserved until its pods have stopped", evidence)
        case "admitted":
            cluster = quoted(workload.status.cluster_name)
            evidence = _field(workload, "status.clusterName", message=cluster)
            yield finding(Cause.MANAGED, f"Runs in worker cluster {cluster}", evidence)
        case "quota_reserved":
            yield from bounded(list(_checks(workload, now)), "of its Workload", _evidence(workload, "QuotaReserved"))
        case "not_queued":
            yield _not_queued(workload, now)
        case "held":
            words = f"Held by Kueue{_in_local_queue(workload)} ({_reason(workload, 'QuotaReserved')})"
            yield _pending(words, _evidence(workload, "QuotaReserved"), _missing(workload))
        case _:
            yield _waiting(workload, now)


def _deactivated(workload: DetailedWorkload, now: datetime) -> Finding:
    evidence, reason = _evidence(workload, "Evicted"), _reason(workload, "Evicted")
    if not reason.startswith(_DUE_TO):
        words = "Deactivated: Kueue does not queue it as long as spec.active of its Workload is false"
        return finding(Cause.DEACTIVATED, words, _field(workload, "spec.active"), severity=Severity.INFO)
    words = f"Deactivated by Kueue{ago(now, evidence.time)} ({reason.removeprefix(_DUE_TO)})"
    return finding(Cause.DEACTIVATED, f"{words}: it stays so until spec.active of its Workload is true", evidence)


def _checks(workload: DetailedWorkload, now: datetime) -> Iterator[Finding]:
    reserved = _evidence(workload, "QuotaReserved")
    beginning = f"Quota reserved{_in_cluster_queue(workload)}{lasting(now, reserved.time)}"
    open_checks = [check for check in workload.status.admission_checks or () if check.state != "Ready"]
    for check in open_checks:
        evidence = _field(workload, f"status.admissionChecks[{quoted(check.name)}]", message=check.message)
        words = f"dmission check {quoted(check.name)} is {quoted(check.state) or 'Pending'}"
        if check.state in ("Retry", "Rejected"):
            yield finding(Cause.INADMISSIBLE, f"A{words}", evidence, detail=quoted(check.message))
        else:
            yield _pending(f"{beginning}; a{words}", evidence, quoted(check.message))
    if not open_checks:
        yield _pending(f"{beginning}, but not admitted yet", reserved)


def _not_queued(workload: DetailedWorkload, now: datetime) -> Finding:
    evidence, reason = _evidence(workload, "Requeued"), _reason(workload, "Requeued")
    backoff = workload.status.requeue_state or RequeueState()
    if backoff.requeue_at is not None:
        times = f" after {count(backoff.count, 'readiness timeout')}" if backoff.count else ""
        if now > backoff.requeue_at:
            words = f"Not queued again yet, although its backoff{times} ended{ago(now, backoff.requeue_at)}"
        else:
            until = backoff.requeue_at.astimezone(UTC)
            words = f"Waiting out a backoff until {until:%Y-%m-%d %H:%M:%S} UTC{times}"
        return finding(Cause.REQUEUED, words, evidence)
    if (queue := _STOPPED.get(reason)) is not None:
        return _pending(f"Not queued: its {queue} is stopped", evidence)
    if reason in _WRONG:
        return finding(Cause.INADMISSIBLE, "Not queued by Kueue", evidence, detail=quoted(evidence.message))
    return finding(Cause.REQUEUED, f"Evicted ({reason}), and not queued again yet", evidence)


def _waiting(workload: DetailedWorkload, now: datetime) -> Finding:
    since, queue = workload.waiting_since, _in_local_queue(workload)
    # The reason may be newer than the status of the condition, whose time says nothing of it.
    evidence, reason = replace(_evidence(workload, "QuotaReserved"), time=None), _reason(workload, "QuotaReserved")
    if workload.status.exceeds_quota:
        words = "Asks for more than its queue can give under the present quotas"
        detail = ", ".join(excesses(evidence.message)) or _missing(workload)
        return finding(Cause.EXCEEDS_QUOTA, words, evidence, detail=detail)
    if reason in _WRONG:
        return finding(Cause.INADMISSIBLE, f"Not admissible{queue}", evidence, detail=_missing(workload))
    waits = f"aiting for quota{queue}{lasting(now, since)}"
    what = _missing(workload) or ("" if reason else "Kueue has not evaluated it yet")
    evidence = replace(evidence, time=since)
    if not workload.is_met("Evicted"):
        return _pending(f"W{waits}", evidence, what)
    of_eviction, why, by = _evidence(workload, "Evicted"), _reason(workload, "Evicted"), _reason(workload, "Preempted")
    words = f"Preempted ({by})" if why == "Preempted" and by else f"Evicted ({why})"
    sentence = f"{words}{ago(now, of_eviction.time)}, and w{waits}"
    return finding(Cause.REQUEUED, sentence, of_eviction, evidence, detail=what)


def _pending(sentence: str, evidence: Evidence, detail: str = "") -> Finding:
    return finding(Cause.ADMISSION_PENDING, sentence, evidence, detail=detail, command=WORKLOAD)


def _missing(workload: DetailedWorkload) -> str:
    """Return why there is no quota, in Kueue's words, but with what is missing as that of the last evaluation."""
    message = one_line(_evidence(workload, "QuotaReserved").message).replace(" <nil>}", "}")
    text = _UNUSED.sub(r"insufficient \1 in flavor \2 (\3 more needed at the last evaluation)", message)
    return quoted(text.replace("couldn't assign flavors to pod set ", "pod set "))


def _evidence(workload: DetailedWorkload, type_: str) -> Evidence:
    """Return evidence from a condition; of an absent one, only where it would be."""
    found, field = workload.condition(type_), f"status.conditions[{type_}]"
    time, message = (found.last_transition_time, getattr(found, "message", None)) if found else (None, None)
    return _field(workload, field, time, message)


def _field(
    workload: DetailedWorkload, field: str, time: datetime | None = None, message: str | None = None
) -> Evidence:
    return evidence_of(workload.kind, workload.metadata, field, time, message)


def _reason(workload: DetailedWorkload, type_: str) -> str:
    found = workload.condition(type_)
    return quoted(found.reason) if found is not None else ""


def _in_cluster_queue(workload: DetailedWorkload) -> str:
    admission = workload.status.admission
    return f" in cluster queue {quoted(admission.cluster_queue)}" if admission and admission.cluster_queue else ""


def _in_local_queue(workload: DetailedWorkload) -> str:
    return f" in local queue {quoted(workload.spec.queue_name)}" if workload.spec.queue_name else ""
