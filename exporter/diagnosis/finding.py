"""What a diagnosis consists of: findings with their evidence, as frozen structs that become JSON."""

import shlex
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from exporter.diagnosis.causes import RUNBOOKS_OF_KINDS, RUNS_AGAIN, Cause, Severity
from exporter.diagnosis.phrases import count, ended, one_line, with_detail
from exporter.resources.meta import ObjectMeta

MAX_FINDINGS = 64
"""Of one cluster, the applications of one service, or one Workload: the worst. Thousands of pods can have one each."""

MAX_EVIDENCE = 3
"""A hundred pods that wait for the same thing are one finding, with the first of them as evidence."""


class Evidence(Struct, frozen=True, omit_defaults=True):
    """Where a finding was read.

    Attributes:
        kind, namespace, name: the object that shows it, such as a Pod.
        field: the field of this object.
        time: since when it shows it.
        message: what another program wrote there; any text, on one line.
    """

    kind: str
    namespace: str
    name: str
    field: str
    time: datetime | None = None
    message: str = ""


class Finding(Struct, frozen=True, omit_defaults=True):
    """One reason why an object is not healthy.

    Attributes:
        sentence: what is wrong, in plain English with figures; it can contain names of objects.
        evidence: where this was read, at most MAX_EVIDENCE entries.
        advice: what usually helps.
        runbook: an anchor in docs/runbooks.md, "" if there is none.
        command: what to run next, as a line for a shell.
    """

    cause: Cause
    severity: Severity
    sentence: str
    evidence: tuple[Evidence, ...] = ()
    advice: str = ""
    runbook: str = ""
    command: str = ""


def finding(
    cause: Cause,
    sentence: str,
    *evidence: Evidence,
    detail: str = "",
    severity: Severity | None = None,
    command: str = "",
    container: str = "",
) -> Finding:
    """Return a finding with the texts of its cause; its sentence gets `: detail` if there is one, and a full stop.

    `severity` and `command` override the usual ones of the cause; the command is about the first evidence, and about
    `container` where it has one.
    """
    kind = evidence[0].kind if evidence else ""
    return Finding(
        cause,
        severity or cause.severity,
        ended(with_detail(sentence, detail)),
        evidence[:MAX_EVIDENCE],
        cause.advice,
        RUNBOOKS_OF_KINDS.get((cause, kind), cause.runbook),
        _command(command or cause.command, evidence[0], container) if evidence else "",
    )


def evidence_of(
    kind: str, meta: ObjectMeta, field: str, time: datetime | None = None, message: str | None = None
) -> Evidence:
    """Return evidence with the message on one line."""
    return Evidence(kind, meta.namespace, meta.name, field, time, one_line(message))


def explains(item: Finding) -> bool:
    """Return whether a finding is a reason why something has not started; what runs again is none."""
    runs_again = item.cause in (Cause.OUT_OF_MEMORY, Cause.CRASH_LOOP) and ".lastState" in item.evidence[0].field
    return item.cause not in RUNS_AGAIN and not runs_again


def sorted_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings, each sentence once: the worst first, of one severity those that explain, then as given."""
    distinct: dict[str, Finding] = {}
    for item in sorted(findings, key=_order):
        distinct.setdefault(item.sentence, item)
    return tuple(distinct.values())


def _order(item: Finding) -> tuple[int, bool]:
    return item.severity.rank, not explains(item)


def bounded(found: Sequence[Finding], of_what: str, evidence: Evidence) -> tuple[Finding, ...]:
    """Return at most MAX_FINDINGS, and one more that says how many were omitted; `of_what` follows their number."""
    if (omitted := len(found) - MAX_FINDINGS) <= 0:
        return tuple(found)
    worst = sorted(found, key=_order)[:MAX_FINDINGS]
    text = f"{count(omitted, 'further finding')} {of_what} omitted."
    return (*worst, finding(Cause.UNKNOWN, text, evidence, severity=Severity.INFO))


def _command(template: str, about: Evidence, container: str) -> str:
    return template.format(
        namespace=f" -n {shlex.quote(about.namespace)}" if about.namespace else "",
        kind=about.kind.lower(),
        name=shlex.quote(about.name),
        container=f" -c {shlex.quote(container)}" if container else "",
    )
