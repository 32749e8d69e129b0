"""Comparing an exposition with what the operator printed for the same objects."""

from typing import NamedTuple

from tests.support.bodies import Labels, parse

CLUSTER_DURATION = "kuberay_cluster_provisioned_duration_seconds"
JOB_DURATION = "kuberay_job_execution_duration_seconds"

NINE = {
    "kuberay_cluster_info",
    "kuberay_cluster_condition_provisioned",
    CLUSTER_DURATION,
    "kuberay_job_info",
    "kuberay_job_deployment_status",
    JOB_DURATION,
    "kuberay_service_info",
    "kuberay_service_condition_ready",
    "kuberay_service_condition_upgrade_in_progress",
}
"""The operator's metrics."""

LOWEST_DELTA, HIGHEST_DELTA = -0.1, 1.5
"""Seconds, operator minus exporter: API times are truncated to whole seconds, the operator's are not."""


class Difference(NamedTuple):
    """One series that only one side has (`missing`, `extra`), or that differs (`value`)."""

    kind: str
    family: str
    name: str
    retry_count: str = ""


def nine(body: bytes) -> bytes:
    """Return the lines of the operator's families alone."""
    lines = body.decode().splitlines(keepends=True)
    return "".join([line for line in lines if _family(line) in NINE]).encode()


def _family(line: str) -> str:
    return line.split(" ")[2] if line.startswith("#") else line.partition("{")[0]


def differences(operator: bytes, exporter: bytes) -> set[Difference]:
    """Return all differences; headers have to be equal wherever both sides print the family."""
    expected, actual = parse(operator), parse(exporter)
    found = set()
    for family in expected.keys() | actual.keys():
        want, have = expected.get(family), actual.get(family)
        if want and have:
            assert (want.help, want.type) == (have.help, have.type)
        wanted, held = (want.series if want else {}), (have.series if have else {})
        found |= {_difference("missing", family, key) for key in wanted.keys() - held.keys()}
        found |= {_difference("extra", family, key) for key in held.keys() - wanted.keys()}
        for key in wanted.keys() & held.keys():
            delta = wanted[key] - held[key]
            is_duration = family in (CLUSTER_DURATION, JOB_DURATION)
            if not (LOWEST_DELTA <= delta <= HIGHEST_DELTA if is_duration else delta == 0):
                found.add(_difference("value", family, key))
    return found


def _difference(kind: str, family: str, key: tuple[str, Labels]) -> Difference:
    labels = dict(key[1])
    return Difference(kind, family, labels["name"], labels.get("retry_count", ""))


NOT_RECONCILED = {
    Difference("extra", CLUSTER_DURATION, "remote-ready"),
    Difference("extra", JOB_DURATION, "remote-done", "0"),
}
"""Managed by MultiKueue: the operator has no durations of them, but their mirrored status has the times."""

RESTARTED_OPERATOR = "011"
"""In this capture the operator has lost all durations; the exporter finds them again in the objects."""


def lost_by_operator(exporter: bytes) -> set[Difference]:
    """Return the durations that the exporter prints, all of which a restarted operator has lost."""
    families = parse(exporter)
    return {
        _difference("extra", family, key)
        for family in (CLUSTER_DURATION, JOB_DURATION)
        for key in families[family].series
    }
