"""RayCronJobs: one status field, and a RayJob at each scheduled time.

Schedules follow the wall clock whatever the speed: otherwise `lastScheduleTime` would contradict `schedule`.
The time zones have no daylight saving, so no time-zone database is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exporter.simulator.api_conventions import timestamp
from exporter.simulator.kuberay import fleet, rayjob, rayjob_plan
from exporter.simulator.kuberay.fleet import Tenant
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.rayjob_plan import JobPlan
from exporter.simulator.kuberay.simulated_object import JSON, SimulatedObject
from exporter.simulator.kuberay.world import FOREVER, Steps, World

PLURAL: Final = "raycronjobs"

# The jobs of earlier scheduled times have been deleted since, so they are not replayed.
_REPLAYED_SECONDS: Final = 1200.0


@dataclass(frozen=True)
class Schedule:
    """A cron expression and its meaning: every `period` seconds, `offset` after midnight UTC."""

    expression: str
    period: int
    offset: int = 0
    time_zone: str = ""

    def after(self, now: float) -> float:
        """Return the next scheduled time after now."""
        return ((now - self.offset) // self.period + 1) * self.period + self.offset


EVERY_MINUTE: Final = Schedule("* * * * *", 60)
EVERY_FIVE_MINUTES: Final = Schedule("*/5 * * * *", 300)
HOURLY: Final = Schedule("15 * * * *", 3600, 900, "Etc/UTC")
DAILY_IN_TOKYO: Final = Schedule("30 2 * * *", 86400, 63000, "Asia/Tokyo")
DAILY_IN_KOLKATA: Final = Schedule("0 3 * * *", 86400, 77400, "Asia/Kolkata")


def run(world: World, schedule: Schedule, plan: JobPlan, *, suspended: bool = False) -> Steps:
    """A RayCronJob that is never deleted; a suspended one creates no jobs."""
    tenant = fleet.random_tenant(world)
    obj = _create(world, tenant, schedule, plan, suspended)
    if suspended:
        message = "RayCronJob suspended, no new RayJobs will be created"
        world.events.normal(obj, "SuspendedRayCronJob", message, "Suspend")
        # It has run before it was suspended, so it has a last schedule time.
        yield float(schedule.period)
        obj.write_status(world.now, {"lastScheduleTime": timestamp(schedule.after(world.now - schedule.period))})
        world.put(obj)
        yield FOREVER
    yield from _skip(world, obj, schedule)
    while True:
        due = schedule.after(world.now)
        while world.now < due:
            yield world.seconds_until(due) + 0.001
        _start_job(world, tenant, obj, plan, due)


def _skip(world: World, obj: SimulatedObject, schedule: Schedule) -> Steps:
    """Skip the past up to the last scheduled time whose job has been deleted by now."""
    last = schedule.after(world.now + world.replay_seconds_left - _REPLAYED_SECONDS - schedule.period)
    if last > world.now:
        yield world.seconds_until(last) + 0.001
        obj.write_status(world.now, {"lastScheduleTime": timestamp(last)})
        world.put(obj)


def _start_job(world: World, tenant: Tenant, obj: SimulatedObject, plan: JobPlan, due: float) -> None:
    name = f"{obj.name}-{int(due) // 60}"
    if world.reserve_name(rayjob.PLURAL, tenant.namespace, name):
        job = rayjob.create(
            world,
            tenant,
            plan,
            name=name,
            labels={"ray.io/cronjob-name": obj.name},
            annotations={"ray.io/cronjob-scheduled-timestamp": timestamp(due)},
            owner=obj,
        )
        world.spawn(job.run())
    obj.write_status(world.now, {"lastScheduleTime": timestamp(due)})
    world.put(obj)


def _create(world: World, tenant: Tenant, schedule: Schedule, plan: JobPlan, suspended: bool) -> SimulatedObject:
    spec: JSON = {"jobTemplate": rayjob_plan.job_spec(world, plan, Shape()), "schedule": schedule.expression}
    if schedule.time_zone:
        spec["timeZone"] = schedule.time_zone
    if suspended:
        spec["suspend"] = True
    obj = world.new_object(
        PLURAL,
        tenant.namespace,
        world.unique_name(PLURAL, tenant.namespace, fleet.cron_job_name_prefix(world)),
        spec,
        labels=tenant.labels(),
        manager=tenant.manager,
        spec_fields={"jobTemplate": {"f:rayClusterSpec": world.manifests.job_fields["rayClusterSpec"]}},
    )
    world.put(obj)
    return obj
