"""Why a RayService is not healthy."""

from collections.abc import Iterator
from datetime import datetime

from msgspec.structs import replace

from exporter.diagnosis import common, states
from exporter.diagnosis.causes import Cause, Severity
from exporter.diagnosis.finding import Finding, bounded, explains, finding
from exporter.diagnosis.phrases import age, age_seconds, ago, continued, last_line, lasting, quoted
from exporter.diagnosis.raycluster import cluster_findings, named
from exporter.diagnosis.related import Related
from exporter.diagnosis.states import State, judge, suspension_state
from exporter.resources.detailed import (
    DetailedAppStatus,
    DetailedCondition,
    DetailedRayService,
    DetailedRayServiceStatus,
    DetailedRayServiceStatuses,
)
from exporter.resources.times import latest

UPGRADE_SECONDS = 1800.0
"""How long an upgrade may take: two clusters and a migration of traffic."""

NAMED_SECONDS = 60.0
"""How long a new cluster may be missing: the operator names it just before it creates it."""

_WORDS = {
    Cause.NO_SERVE_ENDPOINTS: "No Serve endpoints",
    Cause.INITIALIZING_TIMEOUT: "Not ready in time: the operator gave up",
    Cause.UNKNOWN: "No known cause: not ready",
}


def has_status(service: DetailedRayService) -> bool:
    """Return whether the operator has written a status."""
    status = service.status or DetailedRayServiceStatuses()
    return bool(status.conditions or status.service_status or status.last_update_time or _roles(status))


def service_state(service: DetailedRayService) -> State:
    """Return the state of a service that KubeRay manages."""
    if suspension := suspension_state(service):
        return suspension
    if _is_cluster_suspended(service):
        return State("Suspended")
    status = service.status
    ready, upgrade = common.condition(status, "Ready"), common.met(status, "UpgradeInProgress")
    if ready is not None and ready.is_true:
        return State("Upgrading" if upgrade else "Ready", (upgrade or ready).last_transition_time)
    if ready is None and status is not None and status.service_status:
        return State(status.service_status)
    if ready is None or ready.reason == "Initializing":
        times = (ready.last_transition_time if ready else None, common.started_at(service))
        return State("Initializing", latest(times))
    return State("NotReady", ready.last_transition_time)


def cluster_names(service: DetailedRayService) -> list[str]:
    """Return the names of the service's RayClusters, the active one first."""
    roles = _roles(service.status or DetailedRayServiceStatuses())
    return [role.ray_cluster_name for _, role in roles if role.ray_cluster_name]


def service_findings(service: DetailedRayService, related: Related, now: datetime) -> Iterator[Finding]:
    """Yield the findings of a service, in no order."""
    status = service.status or DetailedRayServiceStatuses()
    events = list(common.event_findings(service, related))
    if service.metadata.deletion_timestamp is not None:
        yield from common.deletion(service, now, events, _clusters(status, related, now))
    elif suspended := list(_suspension(service, related, now)):
        yield from (*suspended, *events)
        yield from (one for one in _clusters(status, related, now) if one.cause is Cause.STUCK_DELETION)
    elif not has_status(service):
        yield from events or common.no_status(service, related.known, now)
    else:
        yield from common.managed(service)
        yield from _serving(service, status, related, events, now)


def _is_cluster_suspended(service: DetailedRayService) -> bool:
    """Return whether Kueue has suspended the cluster of a service, and so the service itself."""
    return service.spec is not None and service.spec.is_cluster_suspended


def _suspension(service: DetailedRayService, related: Related, now: datetime) -> Iterator[Finding]:
    if _is_cluster_suspended(service):
        has_pods = any(of_cluster.pods for _, of_cluster in related.clusters)
        evidence = common.field_of(service, "spec.rayClusterConfig.suspend")
        yield from common.suspension(service, now, evidence, is_finished=not has_pods)
        return
    yield from common.suspended_by_condition(service, now, waits_for="its RayClusters have not all been deleted")
    if common.manager(service) and service.spec is not None and service.spec.suspend and not has_status(service):
        yield from common.suspension(service, now, is_finished=True)


def _serving(
    service: DetailedRayService,
    status: DetailedRayServiceStatuses,
    related: Related,
    events: list[Finding],
    now: datetime,
) -> Iterator[Finding]:
    of_applications = list(_applications(service, status, now))
    found = [*bounded(of_applications, "of its applications", common.field_of(service, "status"))]
    found += [*_clusters(status, related, now), *events]
    found += _missing_cluster(service, status, related, now)
    yield from found
    yield from _rollback(service, status)
    has_cause = any(map(explains, found))
    ready = common.condition(status, "Ready")
    if ready is None:
        yield from _old_state(service, status, now, has_cause=has_cause)
    elif not ready.is_true:
        yield from _not_ready(service, ready, related, now, has_cause=has_cause)
    elif not status.num_serve_endpoints:
        text = "No Serve endpoints: Ready is True, but numServeEndpoints is 0."
        yield finding(Cause.NO_SERVE_ENDPOINTS, text, common.condition_of(service, ready))
    if not has_cause:
        yield from _upgrade(service, status, now)


def _not_ready(
    service: DetailedRayService, ready: DetailedCondition, related: Related, now: datetime, *, has_cause: bool
) -> Iterator[Finding]:
    # After a suspension or a rejected spec, the condition keeps its time: the start began with that of its cluster.
    starts = (common.started_at(cluster, "RayCluster") for cluster, _ in related.clusters)
    since = latest((ready.last_transition_time, common.started_at(service), *starts))
    evidence, reason = common.condition_of(service, ready), ready.reason or ""
    cause = judge(states.UNREADY_REASONS, reason, since, now)
    if cause is Cause.INVALID_SPEC:
        yield common.invalid(ready.message, evidence)
    elif cause is not None and (cause is not Cause.UNKNOWN or not has_cause):
        detail = last_line(ready.message) or (reason if cause is Cause.UNKNOWN else "")
        phrase, changed = (ago if cause is Cause.INITIALIZING_TIMEOUT else lasting), ready.last_transition_time
        when = phrase(now, since if changed and cause is Cause.UNKNOWN else changed)
        # A service that is not ready is down, whatever the cause.
        yield finding(cause, f"{_WORDS[cause]}{when}", evidence, detail=detail, severity=Severity.CRITICAL)


def _old_state(
    service: DetailedRayService, status: DetailedRayServiceStatuses, now: datetime, *, has_cause: bool
) -> Iterator[Finding]:
    """KubeRay before 1.3 has no conditions, but a state."""
    state, since = status.service_status or "", status.last_update_time or service.metadata.creation_timestamp
    cause = judge(states.SERVICE_STATES, state, since, now)
    if cause is not None and (cause is not Cause.UNKNOWN or not has_cause):
        known = "No known cause: " if cause is Cause.UNKNOWN else ""
        text = f"{known}{'in' if known else 'In'} the state {quoted(state) or 'New'}{lasting(now, since)}."
        yield finding(cause, text, common.field_of(service, "status.serviceStatus", since))


def _applications(service: DetailedRayService, status: DetailedRayServiceStatuses, now: datetime) -> Iterator[Finding]:
    times = (status.last_update_time, *(one.last_transition_time for one in status.conditions or ()))
    since = latest(times) or service.metadata.creation_timestamp
    for role, of_role in _roles(status):
        for name, application in (of_role.application_statuses or {}).items():
            cause, bad = _judged(application, since, now) if application is not None else (None, [])
            if application is None or cause is None:
                continue
            message = _messages(application)
            where = "" if role == "active" else f" ({role} cluster)"
            state = quoted(application.status) or "without a status"
            deployments = f" (deployment {', '.join(bad[:3])})" if bad else ""
            slow = lasting(now, status.last_update_time) if cause is Cause.UNKNOWN else ""
            text = f"Application {quoted(name)}{where} is {state}{deployments}{slow}"
            evidence = common.field_of(
                service, f"status.{role}ServiceStatus.applicationStatuses[{name}]", message=message
            )
            yield finding(cause, text, evidence, detail=last_line(message))


def _judged(application: DetailedAppStatus, since: datetime | None, now: datetime) -> tuple[Cause | None, list[str]]:
    """Return what is wrong with an application, and which of its deployments show it."""
    causes = [judge(states.APPLICATION_STATES, application.status, since, now)]
    bad = []
    for name, deployment in (application.serve_deployment_statuses or {}).items():
        if deployment is not None and (cause := judge(states.DEPLOYMENT_STATES, deployment.status, since, now)):
            causes.append(cause)
            bad.append(f"{quoted(name)} is {quoted(deployment.status)}")
    return min(filter(None, causes), key=list(Cause).index, default=None), bad


def _messages(application: DetailedAppStatus) -> str:
    """Return the message of an application, or the first one of a deployment that is not healthy."""
    deployments = (application.serve_deployment_statuses or {}).values()
    of_bad = (one.message for one in deployments if one is not None and one.status != "HEALTHY")
    return application.message or next((message for message in of_bad if message), "")


def _clusters(status: DetailedRayServiceStatuses, related: Related, now: datetime) -> Iterator[Finding]:
    roles = _roles(status)
    for role, of_role in roles:
        if (pair := related.cluster(of_role.ray_cluster_name)) is None:
            continue
        for item in cluster_findings(*pair, now, serves=True):
            if role == "pending" and len(roles) > 1 and item.severity is not Severity.INFO and explains(item):
                waits = Cause.UPGRADE_WAITS
                text = f"Upgrade waits for RayCluster {pair[0].metadata.name}: {continued(item.sentence)}"
                # The command is about the pending cluster.
                yield replace(item, cause=waits, sentence=text, advice=waits.advice, runbook=waits.runbook)
            else:
                yield named(item)


def _missing_cluster(
    service: DetailedRayService, status: DetailedRayServiceStatuses, related: Related, now: datetime
) -> Iterator[Finding]:
    if not related.known.clusters or common.manager(service):
        return
    for role, of_role in _roles(status):
        name, is_new = of_role.ray_cluster_name, age_seconds(now, status.last_update_time) < NAMED_SECONDS
        evidence, pair = common.field_of(service, f"status.{role}ServiceStatus.rayClusterName"), related.cluster(name)
        since = pair[0].metadata.deletion_timestamp if pair else None
        if name and pair is None and not (role == "pending" and is_new):
            yield finding(Cause.CLUSTER_NOT_FOUND, f"RayCluster {name} does not exist.", evidence)
        # Later, the deletion is a finding of the cluster itself.
        elif role == "active" and since and age_seconds(now, since) <= common.DELETION_SECONDS:
            text = f"RayCluster {name} is being deleted, but it is the active one of the RayService."
            yield finding(Cause.CLUSTER_NOT_FOUND, text, evidence)


def _rollback(service: DetailedRayService, status: DetailedRayServiceStatuses) -> Iterator[Finding]:
    if condition := common.met(status, "RollbackInProgress"):
        evidence, detail = common.condition_of(service, condition), last_line(condition.message)
        yield finding(Cause.ROLLBACK, "Upgrade is being rolled back", evidence, detail=detail)


def _upgrade(service: DetailedRayService, status: DetailedRayServiceStatuses, now: datetime) -> Iterator[Finding]:
    upgrade = common.condition(status, "UpgradeInProgress")
    if upgrade is None:
        return
    if upgrade.status not in ("True", "False") and common.met(status, "Ready"):
        text = f"No known cause: UpgradeInProgress is {quoted(upgrade.status) or 'without a status'}"
        detail = quoted(upgrade.message) or upgrade.reason or ""
        yield finding(Cause.UNKNOWN, text, common.condition_of(service, upgrade), detail=detail)
    elif upgrade.is_true and age_seconds(now, upgrade.last_transition_time) > UPGRADE_SECONDS:
        text = f"No known cause: the upgrade has been in progress for {age(now, upgrade.last_transition_time)}."
        found = finding(Cause.UNKNOWN, text, common.condition_of(service, upgrade))
        yield replace(found, runbook=Cause.UPGRADE_WAITS.runbook)


def _roles(status: DetailedRayServiceStatuses) -> list[tuple[str, DetailedRayServiceStatus]]:
    """Return the clusters that the service has, the active one first."""
    roles = (("active", status.active_service_status), ("pending", status.pending_service_status))
    return [(name, one) for name, one in roles if one and (one.ray_cluster_name or one.application_statuses)]
