"""Cron jobs: their schedules follow the clock."""

from datetime import UTC, datetime, timedelta

import pytest

from exporter.simulator.kuberay import raycronjob
from exporter.simulator.kuberay.raycronjob import Schedule
from exporter.simulator.kuberay.rayjob_plan import JobPlan
from tests.support.scenario import NOW, new_world, objects, run_steps

OFFSETS = {"Asia/Tokyo": timedelta(hours=9), "Asia/Kolkata": timedelta(hours=5.5)}


@pytest.mark.parametrize(
    "schedule",
    [
        raycronjob.EVERY_MINUTE,
        raycronjob.EVERY_FIVE_MINUTES,
        raycronjob.HOURLY,
        raycronjob.DAILY_IN_TOKYO,
        raycronjob.DAILY_IN_KOLKATA,
    ],
)
def test_the_next_time_is_one_of_the_expression(schedule: Schedule) -> None:
    """In its time zone; exactly at a scheduled time the next one follows."""
    due = schedule.after(NOW)
    assert NOW < due <= NOW + schedule.period
    assert schedule.after(due) == due + schedule.period
    local = datetime.fromtimestamp(due, UTC) + OFFSETS.get(schedule.time_zone, timedelta())
    minute, hour, *_ = schedule.expression.split()
    assert minute in ("*", "*/5", str(local.minute))
    assert hour in ("*", str(local.hour))


def test_a_job_is_started_at_each_scheduled_time() -> None:
    """With the cron job's name in a label, and itself as the owner."""
    world, store = new_world()
    steps = raycronjob.run(world, raycronjob.EVERY_MINUTE, JobPlan())
    for _ in run_steps(world, steps, 185):
        for run in world.spawned:
            next(run.steps)
        world.spawned.clear()
    (cron_job,) = objects(store, "raycronjobs")
    jobs = objects(store, "rayjobs")
    assert len(jobs) == 3
    assert {job["metadata"]["labels"]["ray.io/cronjob-name"] for job in jobs} == {cron_job["metadata"]["name"]}
    assert {owner["kind"] for job in jobs for owner in job["metadata"]["ownerReferences"]} == {"RayCronJob"}


def test_a_suspended_cron_job_starts_nothing() -> None:
    """It has the time of an earlier job."""
    world, store = new_world()
    list(run_steps(world, raycronjob.run(world, raycronjob.HOURLY, JobPlan(), suspended=True), 1e6))
    (cron_job,) = objects(store, "raycronjobs")
    assert cron_job["spec"]["suspend"] is True
    assert "lastScheduleTime" in cron_job["status"]
    assert objects(store, "rayjobs") == []
