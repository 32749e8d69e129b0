"""RayCronJobs: one status field, and a RayJob at every tick.

Schedules keep to the wall clock whatever the speed, or `lastScheduleTime` would contradict `schedule`.
Time zones are ones without daylight saving, so that no time-zone database is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exporter.simulator.api_conventions import stamp
from exporter.simulator.kuberay import fleet, rayjob, rayjob_plan
from exporter.simulator.kuberay.fleet import Place
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.raycluster import FOREVER
from exporter.simulator.kuberay.rayjob_plan import Plan
from exporter.simulator.kuberay.simulated_object import JSON, Resource
from exporter.simulator.kuberay.world import Stays, World

PLURAL: Final = "raycronjobs"

# Ticks longer ago left nothing behind: their jobs are gone.
_REPLAYED_SECONDS: Final = 1200.0


@dataclass(frozen=True)
class Schedule:
    """A cron expression, and what it means: every `period` seconds, `offset` after midnight UTC."""

    expression: str
    period: int
    offset: int = 0
    time_zone: str = ""

    def after(self, now: float) -> float:
        """The next tick later than now."""
        return ((now - self.offset) // self.period + 1) * self.period + self.offset


EVERY_MINUTE: Final = Schedule("* * * * *", 60)
EVERY_FIVE_MINUTES: Final = Schedule("*/5 * * * *", 300)
HOURLY: Final = Schedule("15 * * * *", 3600, 900, "Etc/UTC")
DAILY_IN_TOKYO: Final = Schedule("30 2 * * *", 86400, 63000, "Asia/Tokyo")
DAILY_IN_KOLKATA: Final = Schedule("0 3 * * *", 86400, 77400, "Asia/Kolkata")


def live(world: World, schedule: Schedule, plan: Plan, *, suspended: bool = False) -> Stays:
    """A RayCronJob that never ends; a suspended one makes no jobs."""
    place = fleet.place(world)
    resource = _create(world, place, schedule, plan, suspended)
    if suspended:
        # It was not always so: a last tick is on record.
        yield float(schedule.period)
        resource.write_status(world.now, {"lastScheduleTime": stamp(schedule.after(world.now - schedule.period))})
        world.put(resource)
        yield FOREVER
    yield from _skip(world, resource, schedule)
    while True:
        tick = schedule.after(world.now)
        while world.now < tick:
            yield world.until(tick) + 0.001
        _tick(world, place, resource, plan, tick)


def _skip(world: World, resource: Resource, schedule: Schedule) -> Stays:
    """Cross the past up to the last tick whose job is gone by now."""
    last = schedule.after(world.now + world.remaining_past - _REPLAYED_SECONDS - schedule.period)
    if last > world.now:
        yield world.until(last) + 0.001
        resource.write_status(world.now, {"lastScheduleTime": stamp(last)})
        world.put(resource)


def _tick(world: World, place: Place, resource: Resource, plan: Plan, tick: float) -> None:
    name = f"{resource.name}-{int(tick) // 60}"
    if world.claim(rayjob.PLURAL, place.namespace, name):
        job = rayjob.create(
            world,
            place,
            plan,
            name=name,
            labels={"ray.io/cronjob-name": resource.name},
            annotations={"ray.io/cronjob-scheduled-timestamp": stamp(tick)},
            owner=resource,
        )
        world.spawn(job.live())
    resource.write_status(world.now, {"lastScheduleTime": stamp(tick)})
    world.put(resource)


def _create(world: World, place: Place, schedule: Schedule, plan: Plan, suspended: bool) -> Resource:
    spec: JSON = {"jobTemplate": rayjob_plan.job_spec(world, plan, Shape()), "schedule": schedule.expression}
    if schedule.time_zone:
        spec["timeZone"] = schedule.time_zone
    if suspended:
        spec["suspend"] = True
    resource = world.resource(
        PLURAL,
        place.namespace,
        world.name(PLURAL, place.namespace, fleet.cron_job_stem(world)),
        spec,
        labels=place.labels(),
        manager=place.manager,
        spec_fields={"jobTemplate": {"f:rayClusterSpec": world.manifests.job_fields["rayClusterSpec"]}},
    )
    world.put(resource)
    return resource
