"""Why a RayService is not healthy."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from exporter.diagnosis import common
from exporter.diagnosis.causes import Cause, Severity
from exporter.diagnosis.finding import Finding, finding
from exporter.diagnosis.fleet import Related
from exporter.diagnosis.phrases import age, age_seconds, ended
from exporter.diagnosis.raycluster import cluster_findings
from exporter.diagnosis.waiting import quoted
from exporter.resources.detailed import (
    DetailedAppStatus,
    DetailedRayService,
    DetailedRayServiceStatus,
    DetailedRayServiceStatuses,
)

SLOW_SECONDS = 600.0
"""How long a service may take to start without a finding of its own."""

UPGRADE_SECONDS = 1800.0
"""How long an upgrade may take: two clusters and a migration of traffic."""

BAD_APPLICATION = ("DEPLOY_FAILED", "UNHEALTHY")
BAD_DEPLOYMENT = ("UNHEALTHY", "DEPLOY_FAILED")

BLOCKING = frozenset(
    {Cause.UNSCHEDULABLE, Cause.QUOTA, Cause.IMAGE_PULL, Cause.CONTAINER_CONFIG, Cause.REPLICA_FAILURE}
)
"""Causes in a pending cluster for which an upgrade waits."""


class _Role(NamedTuple):
    """One of the two clusters of a service."""

    name: str
    field: str
    status: DetailedRayServiceStatus


def service_findings(service: DetailedRayService, related: Related, now: datetime) -> Iterator[Finding]:
    """Yield the findings of a service, in no order."""
    status = service.status
    if service.metadata.deletion_timestamp is not None:
        yield from common.deletion(service, now)
    elif status is None or not (status.conditions or _roles(status)):
        invalid = list(common.invalid(service, related.event("InvalidRayServiceSpec", "InvalidRayServiceMetadata")))
        yield from invalid or common.silence(service, now)
    elif suspended := list(_suspension(service, status, now)):
        yield from suspended
    else:
        yield from _serving(service, status, related, now)


def _suspension(service: DetailedRayService, status: DetailedRayServiceStatuses, now: datetime) -> Iterator[Finding]:
    for type_, is_finished in (("Suspended", True), ("Suspending", False)):
        condition = common.condition(status, type_)
        if condition is not None and condition.is_true:
            since, field = condition.last_transition_time, f"status.conditions[{type_}]"
            yield from common.suspension(service, since, field, now, is_finished=is_finished)
            return


def _serving(
    service: DetailedRayService, status: DetailedRayServiceStatuses, related: Related, now: datetime
) -> Iterator[Finding]:
    blocked = [*_applications(service, status), *_clusters(service, status, related, now)]
    yield from _rejected(service, status)
    yield from blocked
    yield from _rollback(service, status)
    ready = common.condition(status, "Ready")
    if ready is not None and not ready.is_true:
        yield from _not_ready(service, status, now, has_cause=bool(blocked))
    if not blocked:
        yield from _slow_upgrade(service, status, now)


def _rejected(service: DetailedRayService, status: DetailedRayServiceStatuses) -> Iterator[Finding]:
    ready = common.condition(status, "Ready")
    if ready is not None and ready.reason == "ValidationFailed":
        text = f"The spec of {common.subject(service)} is invalid: {quoted(ready.message) or 'no message'}"
        yield finding(Cause.INVALID_SPEC, ended(text), common.condition_of(service, ready))


def _not_ready(
    service: DetailedRayService, status: DetailedRayServiceStatuses, now: datetime, *, has_cause: bool
) -> Iterator[Finding]:
    ready = common.condition(status, "Ready")
    if ready is None:
        return
    since, evidence = age(now, ready.last_transition_time), common.condition_of(service, ready)
    if ready.reason == "InitializingTimeout":
        text = f"{common.subject(service)} did not become ready in time: {quoted(ready.message)}"
        yield finding(Cause.INITIALIZING_TIMEOUT, ended(text), evidence)
    elif ready.reason == "ZeroServeEndpoints":
        yield finding(
            Cause.NO_SERVE_ENDPOINTS, f"{common.subject(service)} has had no Serve endpoints for {since}.", evidence
        )
    elif (
        not has_cause
        and ready.reason != "ValidationFailed"
        and age_seconds(now, ready.last_transition_time) > SLOW_SECONDS
    ):
        sentence = f"{common.subject(service)} has not been ready for {since}; the cause is unknown."
        yield finding(Cause.UNKNOWN, sentence, evidence)


def _applications(service: DetailedRayService, status: DetailedRayServiceStatuses) -> Iterator[Finding]:
    for role in _roles(status):
        for name, application in (role.status.application_statuses or {}).items():
            if application is not None and (text := _trouble(application)):
                field = f"{role.field}.applicationStatuses[{name}]"
                sentence = ended(f"Application {name} of {common.subject(service)} ({role.name} cluster) {text}")
                evidence = common.field_of(service, field, message=_messages(application))
                yield finding(Cause.APPLICATION_UNHEALTHY, sentence, evidence)


def _trouble(application: DetailedAppStatus) -> str:
    """Return what is wrong with a Serve application; "" if nothing is."""
    bad = [
        f"{name} is {deployment.status}"
        for name, deployment in (application.serve_deployment_statuses or {}).items()
        if deployment is not None and deployment.status in BAD_DEPLOYMENT
    ]
    if application.status not in BAD_APPLICATION and not bad:
        return ""
    message = quoted(_messages(application))
    state = f"is {application.status}" + (f" (deployment {', '.join(bad[:3])})" if bad else "")
    return f"{state}: {message}" if message else state


def _messages(application: DetailedAppStatus) -> str:
    """Return the message of an application, or the first one of a deployment that is not healthy."""
    deployments = (application.serve_deployment_statuses or {}).values()
    of_bad = (one.message for one in deployments if one is not None and one.status in BAD_DEPLOYMENT)
    return application.message or next((message for message in of_bad if message), "")


def _clusters(
    service: DetailedRayService, status: DetailedRayServiceStatuses, related: Related, now: datetime
) -> Iterator[Finding]:
    roles = _roles(status)
    for role in roles:
        if (pair := related.cluster(role.status.ray_cluster_name)) is None:
            continue
        for item in cluster_findings(*pair, now):
            if role.name == "pending" and len(roles) > 1 and item.cause in BLOCKING:
                text = f"The upgrade of {common.subject(service)} waits for its new cluster: {item.sentence}"
                yield finding(Cause.UPGRADE_WAITS, text, *item.evidence)
            else:
                yield item


def _rollback(service: DetailedRayService, status: DetailedRayServiceStatuses) -> Iterator[Finding]:
    condition = common.condition(status, "RollbackInProgress")
    if condition is not None and condition.is_true:
        sentence = f"An upgrade of {common.subject(service)} is being rolled back."
        yield finding(Cause.ROLLBACK, sentence, common.condition_of(service, condition))


def _slow_upgrade(service: DetailedRayService, status: DetailedRayServiceStatuses, now: datetime) -> Iterator[Finding]:
    upgrade = common.condition(status, "UpgradeInProgress")
    if upgrade is None or not upgrade.is_true:
        return
    if age_seconds(now, upgrade.last_transition_time) > UPGRADE_SECONDS:
        since = age(now, upgrade.last_transition_time)
        sentence = f"The upgrade of {common.subject(service)} has not finished for {since}; the cause is unknown."
        yield finding(Cause.UNKNOWN, sentence, common.condition_of(service, upgrade), severity=Severity.WARNING)


def _roles(status: DetailedRayServiceStatuses) -> list[_Role]:
    """Return the clusters that the service has, the active one first."""
    roles = (("active", status.active_service_status), ("pending", status.pending_service_status))
    return [
        _Role(name, f"status.{name}ServiceStatus", role)
        for name, role in roles
        if role is not None and (role.ray_cluster_name or role.application_statuses)
    ]
