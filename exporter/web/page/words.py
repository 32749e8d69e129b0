"""Values as the page writes them: times, durations, amounts, and what a row says of an object's progress."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.phrases import age, ago, count, duration
from exporter.diagnosis.raycronjob import CronJobDetails
from exporter.views.details import ClusterDetails, JobDetails, ServiceDetails, Step
from exporter.views.views import ObjectPage, ObjectView

ENDS = ("Complete", "Failed", "ValidationFailed")

TONES = {
    "good": ("Ready", "Complete", "Scheduled"),
    "active": ("Running", "Initializing", "Provisioning", "Upgrading"),
    "bad": ("Failed", "ValidationFailed", "NotReady"),
    "warn": ("Retrying", "Deleting", "Suspending"),
    "start": ("Created", "New", "Waiting", "Ended"),
}

TITLES: dict[str, str] = {
    "none": "Healthy",
    Cause.UNKNOWN: "No known cause",
    Cause.QUOTA: "Quota exceeded",
}

_SHOWN_ELSEWHERE = ("timeline", "workers", "active", "pending", "owner", "cron_job")
_ACRONYMS = ("cpu", "gpu", "tpu")
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


class Mark(NamedTuple):
    """What happened, in the picture of the stages.

    Attributes:
        kind: `Event` or `Restart`.
        left: in a picture of 100.
    """

    kind: str
    tone: str
    left: float
    text: str


def tone(state: str) -> str:
    """Return the colour of a state; the word is always beside it."""
    return next((tone for tone, states in TONES.items() if state in states), "idle")


def words(name: str) -> str:
    """Return an identifier as words: `image-pull` and `ray_version` as `Image pull` and `Ray version`."""
    if name in _ACRONYMS:
        return name.upper()
    return re.sub(r"[-_]", " ", name.removesuffix("_seconds").removesuffix("_bytes")).capitalize()


def title(name: str) -> str:
    """Return what the filter of a severity or cause is called: findings begin with the same words."""
    return TITLES.get(name) or words(name)


def clock(time: datetime | None, now: datetime) -> str:
    """Return a time of this day as `10:42:07`, another one with its date."""
    if time is None:
        return ""
    return time.strftime("%H:%M:%S" if time.date() == now.date() else "%Y-%m-%d %H:%M:%S")


def amount(number: float) -> str:
    """Return a number with at most two decimals, and commas between thousands."""
    return f"{round(number, 2):,g}" if number < 1e5 else f"{number:,.0f}"


def progress(details: Any, now: datetime) -> tuple[str, float | None]:
    """Return what a row says of an object beyond its state, and the share of it that is done, if it has one."""
    match details:
        case ClusterDetails(workers=workers, requested=requested):
            gpus = f" · {count(int(requested.gpu), 'GPU')}" if requested and requested.gpu else ""
            if workers is None:
                return gpus[3:], None
            number = (workers.available if workers.ready is None else workers.ready) or 0
            desired = workers.desired or 0
            return f"{amount(number)} of {count(desired, 'worker')}{gpus}", number / desired if desired else None
        case JobDetails():
            return " · ".join(filter(None, (_job_duration(details, now), _attempts(details)))), None
        case ServiceDetails(serve_endpoints=endpoints, pending=pending):
            text = "" if endpoints is None else count(endpoints, "endpoint")
            if pending is None or (share := pending.traffic_routed_percent) is None:
                return text, None
            return f"{share} % of traffic on the new cluster · {text}", share / 100
        case CronJobDetails(last_schedule_time=last):
            ran = f" · last run{ago(now, last)}" if last else ""
            return f"{details.schedule or ''} {details.time_zone or ''}".strip() + ran, None
    return "", None


def _job_duration(job: JobDetails, now: datetime) -> str:
    if job.duration_seconds is not None:
        return duration(job.duration_seconds)
    runs = job.start_time and not job.end_time and job.deployment_status not in ENDS
    return age(now, job.start_time) if runs else ""


def _attempts(job: JobDetails) -> str:
    started = max(1, (job.failed or 0) + (job.succeeded or 0) + (job.deployment_status not in ENDS))
    most = max((job.backoff_limit or 0) + 1, started)
    return f"attempt {started} of {most}" if most > 1 else ""


def stages(view: ObjectView, end: datetime) -> list[tuple[Step, float, float, float]]:
    """Return each state with its seconds, and its left edge and width in a picture of 100; a short one is visible.

    A job has all its states, another object its creation and its present state.
    """
    known = (("Created", view.created_at), (view.state, view.since))
    is_job = isinstance(view.details, JobDetails)
    steps = view.details.timeline if is_job else tuple(Step(name, time) for name, time in known if time)
    nexts = [*(step.time for step in steps[1:]), end]
    seconds = [
        0.0 if step.state in ENDS else max(0.0, (after - step.time).total_seconds())
        for step, after in zip(steps, nexts, strict=False)
    ]
    widths = [max(3.0, 100 * one / (sum(seconds) or 1)) for one in seconds]
    scale, left, found = 100 / (sum(widths) or 1), 0.0, []
    for step, lasted, width in zip(steps, seconds, widths, strict=True):
        found.append((step, lasted, round(left, 2), round(width * scale, 2)))
        left += width * scale
    return found


def marks(lists: ObjectPage, drawn: list[tuple[Step, float, float, float]], end: datetime) -> Iterator[Mark]:
    """Yield the Events and restarts that are within the `drawn` stages, in no order."""
    found = [("Event", one.last_time, one.type, f"{one.reason} {one.object.name}") for one in lists.events or ()]
    found += [("Restart", pod.restarted_at, "bad", f"Restart of {pod.name}") for pod in lists.pods or ()]
    for kind, time, type_, text in found:
        stage = next((one for one in reversed(drawn) if time and one[0].time <= time <= end), None)
        if stage is None or time is None:
            continue
        step, lasted, left, width = stage
        share = min(1.0, (time - step.time).total_seconds() / (lasted or 1))
        yield Mark(kind, type_.lower(), round(left + width * share, 2), f"{clock(time, end)} {text}")


def facts(details: Any, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield names and values of what is set in the details of an object."""
    for field in msgspec.structs.fields(details) if details is not None else ():
        value = getattr(details, field.name)
        if value not in (None, "", ()) and field.name not in _SHOWN_ELSEWHERE:
            yield words(field.name), _text(field.name, value, now)
    for role in ("active", "pending"):
        for application in found.applications if (found := getattr(details, role, None)) else ():
            states = [f"{one.name} {one.status or ''}".strip() for one in application.deployments]
            yield f"Application {application.name}", f"{application.status or ''} ({role}): {', '.join(states)}"


def _text(name: str, value: Any, now: datetime) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case datetime():
            return clock(value, now)
        case msgspec.Struct():
            return ", ".join(f"{text} {label}" if label != "Memory" else text for label, text in facts(value, now))
        case int() | float() if name.endswith("_seconds"):
            return duration(value)
        case int() | float() if name.endswith("_bytes"):
            power = min(len(_BYTES) - 1, max(0, (int(value).bit_length() - 1) // 10))
            return f"{amount(value / 2 ** (10 * power))} {_BYTES[power]}"
        case int() | float():
            return amount(value)
    return str(value)


def cluster_of(view: ObjectView) -> str:
    """Return the name of an object's RayCluster, "" if it has none."""
    if view.kind == "RayCluster":
        return view.name
    roles = (view.details, getattr(view.details, "active", None), getattr(view.details, "pending", None))
    return next(filter(None, (getattr(role, "ray_cluster", None) for role in roles)), "")


def expanded(template: str, values: Mapping[str, str]) -> str:
    """Return an address with the values in the place of {names}; "" if the object lacks one of them."""
    names = re.findall(r"\{(\w+)\}", template)
    if not all(values.get(name) for name in names):
        return ""
    return re.sub(r"\{(\w+)\}", lambda match: quote(values[match[1]], safe=""), template)
