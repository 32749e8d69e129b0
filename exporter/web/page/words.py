"""Values as the page writes them: times, durations, amounts, and what a row says of an object's progress."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.phrases import age, ago, count, duration, exactly
from exporter.views.details import Details
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

_SHOWN_ELSEWHERE = ("timeline", "workers", "active", "pending", "owner", "cronJob")
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
    """Return an identifier as words: `image-pull` and `rayVersion` as `Image pull` and `Ray version`."""
    if name in _ACRONYMS:
        return name.upper()
    return re.sub(r"-|(?=[A-Z])", " ", name.removesuffix("Seconds").removesuffix("Bytes")).capitalize()


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


def progress(view: ObjectView, now: datetime) -> tuple[str, float | None]:
    """Return what a row says of an object beyond its state, and the share of it that is done, if it has one."""
    details = view.details
    match view.kind:
        case "RayCluster":
            return _workers(details)
        case "RayJob":
            return " · ".join(filter(None, (_job_duration(details, now), _attempts(details)))), None
        case "RayService":
            text = count(details["serveEndpoints"], "endpoint") if "serveEndpoints" in details else ""
            share = details.get("pending", {}).get("trafficRoutedPercent")
            return (text, None) if share is None else (f"{share} % of traffic on the new cluster · {text}", share / 100)
        case "RayCronJob":
            schedule = f"{details.get('schedule', '')} {details.get('timeZone', '')}".strip()
            last = details.get("lastScheduleTime")
            return f"{schedule} · last run{ago(now, last)}" if last else schedule, None
    return "", None


def _workers(cluster: Details) -> tuple[str, float | None]:
    requested, workers = cluster.get("requested", {}).get("gpu"), cluster.get("workers")
    gpus = count(int(requested), "GPU") if requested else ""
    if workers is None:
        return gpus, None
    number, desired = workers.get("ready", workers["available"]), workers["desired"]
    text = f"{amount(number)} of {count(desired, 'worker')}"
    return " · ".join(filter(None, (text, gpus))), number / desired if desired else None


def _job_duration(job: Details, now: datetime) -> str:
    if "durationSeconds" in job:
        return duration(job["durationSeconds"])
    runs = "startTime" in job and "endTime" not in job and job.get("deploymentStatus") not in ENDS
    return age(now, job["startTime"]) if runs else ""


def _attempts(job: Details) -> str:
    started = max(1, job["failed"] + job["succeeded"] + (job.get("deploymentStatus") not in ENDS))
    most = max(job.get("backoffLimit", 0) + 1, started)
    return f"attempt {started} of {most}" if most > 1 else ""


def stages(view: ObjectView, end: datetime) -> list[tuple[Details, float, float, float]]:
    """Return each state with its seconds, and its left edge and width in a picture of 100; a short one is visible.

    A job has all its states, another object its creation and its present state.
    """
    known = (("Created", view.created_at), (view.state, view.since))
    others = [{"state": state, "time": time} for state, time in known if time]
    steps = view.details.get("timeline", []) if view.kind == "RayJob" else others
    nexts = [*(step["time"] for step in steps[1:]), end]
    seconds = [
        0.0 if step["state"] in ENDS else max(0.0, (after - step["time"]).total_seconds())
        for step, after in zip(steps, nexts, strict=False)
    ]
    widths = [max(3.0, 100 * one / (sum(seconds) or 1)) for one in seconds]
    scale, left, found = 100 / (sum(widths) or 1), 0.0, []
    for step, lasted, width in zip(steps, seconds, widths, strict=True):
        found.append((step, lasted, round(left, 2), round(width * scale, 2)))
        left += width * scale
    return found


def marks(lists: ObjectPage, drawn: list[tuple[Details, float, float, float]], end: datetime) -> Iterator[Mark]:
    """Yield the Events and restarts that are within the `drawn` stages, in no order."""
    found = [("Event", one.last_time, one.type, f"{one.reason} {one.object.name}") for one in lists.events or ()]
    found += [("Restart", pod.restarted_at, "bad", f"Restart of {pod.name}") for pod in lists.pods or ()]
    for kind, time, type_, text in found:
        stage = next((one for one in reversed(drawn) if time and one[0]["time"] <= time <= end), None)
        if stage is None or time is None:
            continue
        step, lasted, left, width = stage
        share = min(1.0, (time - step["time"]).total_seconds() / (lasted or 1))
        yield Mark(kind, type_.lower(), round(left + width * share, 2), f"{clock(time, end)} {text}")


def facts(details: Details, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield names and values of what is in the details of an object."""
    for name, value in details.items():
        if name not in _SHOWN_ELSEWHERE:
            yield words(name), _text(name, value, now)
    for role in ("active", "pending"):
        for application in details.get(role, {}).get("applications", ()):
            states = [f"{one['name']} {one.get('status', '')}".strip() for one in application.get("deployments", ())]
            yield f"Application {application['name']}", f"{application.get('status', '')} ({role}): {', '.join(states)}"


def _text(name: str, value: Any, now: datetime) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case datetime():
            return clock(value, now)
        case dict():
            return ", ".join(f"{text} {label}" if label != "Memory" else text for label, text in facts(value, now))
        case int() if name == "activeDeadlineSeconds":
            return exactly(value)
        case int() | float() if name.endswith("Seconds"):
            return duration(value)
        case int() | float() if name.endswith("Bytes"):
            power = min(len(_BYTES) - 1, max(0, (int(value).bit_length() - 1) // 10))
            return f"{amount(value / 2 ** (10 * power))} {_BYTES[power]}"
        case int() | float():
            return amount(value)
    return str(value)


def cluster_of(view: ObjectView) -> str:
    """Return the name of an object's RayCluster, "" if it has none."""
    if view.kind == "RayCluster":
        return view.name
    roles = (view.details, view.details.get("active", {}), view.details.get("pending", {}))
    return next(filter(None, (role.get("rayCluster") for role in roles)), "")


def expanded(template: str, values: Mapping[str, str]) -> str:
    """Return an address with the values in the place of {names}; "" if the object lacks one of them."""
    names = re.findall(r"\{(\w+)\}", template)
    if not all(values.get(name) for name in names):
        return ""
    return re.sub(r"\{(\w+)\}", lambda match: quote(values[match[1]], safe=""), template)
