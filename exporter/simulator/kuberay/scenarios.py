"""The scenarios of the simulation, their proportions, and how long ago the first run of each begins.

A fleet of any size has each scenario once, in this order, and then more of them at random by weight. A small fleet
has only the first ones, so the most useful come first. When a run of a scenario ends, the next run of the same
scenario begins, so the proportions stay the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from exporter.simulator.kuberay import kueue, raycluster_scenarios, raycronjob, rayjob_scenarios, rayservice_scenarios
from exporter.simulator.kuberay.rayjob_plan import JobPlan
from exporter.simulator.kuberay.world import Steps, World

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_RECENT: Final = (0.0, 12 * _MINUTE)
_TODAY: Final = (3 * _HOUR, 24 * _HOUR)

# What the RayCronJobs start.
_SHORT: Final = JobPlan(
    mode="HTTPMode",
    run_seconds=(5, 20),
    head_seconds=(3, 8),
    worker_seconds=(2, 6),
    kept_seconds=(60, 120),
    deletes_cluster=True,
)
_MEDIUM: Final = JobPlan(run_seconds=(30, 90), kept_seconds=(300, 600))
_NIGHTLY: Final = JobPlan(run_seconds=(120, 600), kept_seconds=(600, 1200), deletes_cluster=True)


@dataclass(frozen=True)
class Scenario:
    """What happens to an object, and those that belong to it. `age` bounds the seconds since its first run began."""

    name: str
    weight: float
    run: Callable[[World], Steps]
    age: tuple[float, float]


def scenario_sequence(random: Random, *, with_workloads: bool = False) -> Iterator[Scenario]:
    """Yield scenarios without end: each one once, then at random by weight; those of Kueue only with its Workloads."""
    scenarios = (*_OF_KUEUE, *_SCENARIOS) if with_workloads else _SCENARIOS
    yield from scenarios
    weights = [scenario.weight for scenario in scenarios]
    while True:
        yield from random.choices(scenarios, weights, k=64)


def repeat(world: World, scenario: Scenario) -> Steps:
    """Run the scenario again and again, without end."""
    while True:
        yield from scenario.run(world)
        yield world.uniform(1, 15)


def _cron(schedule: raycronjob.Schedule, plan: JobPlan, *, suspended: bool = False) -> Callable[[World], Steps]:
    return partial(raycronjob.run, schedule=schedule, plan=plan, suspended=suspended)


_OF_KUEUE: Final = (
    Scenario("job in Kueue's queue", 4, kueue.runs, _RECENT),
    Scenario("cluster beyond the quota", 0.5, kueue.too_large, _TODAY),
    Scenario("job backs off", 0.2, partial(kueue.never_ready, limit=1000), (10 * _MINUTE, 40 * _MINUTE)),
    Scenario("job deactivated", 0.2, partial(kueue.never_ready, limit=1), (5 * _MINUTE, 15 * _MINUTE)),
    Scenario("service with an admission check", 0.5, kueue.checked, _RECENT),
    Scenario("job more important", 1, partial(kueue.runs, gpus=kueue.QUOTA, priority=100), (0.0, _MINUTE)),
    Scenario("job in Kueue's queue, too", 4, kueue.runs, _RECENT),
)
_SCENARIOS: Final = (
    Scenario("job retries and succeeds", 4, rayjob_scenarios.retries_and_succeeds, (90.0, 150.0)),
    Scenario("job succeeds", 14, rayjob_scenarios.succeeds, (6 * _MINUTE, 16 * _MINUTE)),
    Scenario("job fails", 5, rayjob_scenarios.fails, (6 * _MINUTE, 12 * _MINUTE)),
    Scenario("cluster autoscaled", 8, raycluster_scenarios.autoscaled, _TODAY),
    Scenario("service upgraded", 4, rayservice_scenarios.upgraded, (10 * _MINUTE, 24 * _HOUR)),
    Scenario("cluster's image missing", 0.5, raycluster_scenarios.image_missing, _TODAY),
    Scenario("service never ready", 0.5, rayservice_scenarios.never_ready, _TODAY),
    Scenario("job succeeds, recent", 4, rayjob_scenarios.succeeds, _RECENT),
    Scenario("job runs long", 2, rayjob_scenarios.runs_long, _TODAY),
    Scenario("job retries and fails", 3, rayjob_scenarios.retries_and_fails, (90.0, 150.0)),
    Scenario("service upgrade stuck", 0.5, rayservice_scenarios.upgrade_stuck, _TODAY),
    Scenario("job never starts", 0.5, rayjob_scenarios.never_starts, _TODAY),
    Scenario("job's head unreachable", 0.3, rayjob_scenarios.head_unreachable, _TODAY),
    Scenario("job invalid", 0.5, rayjob_scenarios.invalid, (0.2 * _HOUR, 24 * _HOUR)),
    Scenario("cluster stuck deleting", 0.3, raycluster_scenarios.stuck_deleting, _TODAY),
    Scenario("job stuck deleting", 0.3, rayjob_scenarios.stuck_deleting, _TODAY),
    Scenario("service stuck deleting", 0.3, rayservice_scenarios.stuck_deleting, _TODAY),
    Scenario("cluster dispatched by MultiKueue", 0.2, raycluster_scenarios.dispatched, _TODAY),
    Scenario("service dispatched by MultiKueue", 0.2, rayservice_scenarios.dispatched, _TODAY),
    Scenario("job dispatched by MultiKueue", 0.5, rayjob_scenarios.dispatched, _TODAY),
    Scenario("cluster unschedulable", 0.3, raycluster_scenarios.unschedulable, _TODAY),
    Scenario("cluster out of memory", 0.5, raycluster_scenarios.out_of_memory, _TODAY),
    Scenario("cluster invalid", 0.3, raycluster_scenarios.invalid, _RECENT),
    Scenario("job's cluster missing", 0.3, rayjob_scenarios.cluster_missing, _RECENT),
    Scenario("cluster crash loop", 0.5, raycluster_scenarios.crash_loop, _TODAY),
    Scenario("job queued", 4, rayjob_scenarios.queued, _RECENT),
    Scenario("cron every minute", 0.5, _cron(raycronjob.EVERY_MINUTE, _SHORT), (_HOUR, 24 * _HOUR)),
    Scenario("cluster short-lived", 5, raycluster_scenarios.short_lived, _RECENT),
    Scenario("cluster suspended and resumed", 2, raycluster_scenarios.suspended_and_resumed, _TODAY),
    Scenario("service upgraded in steps", 1, rayservice_scenarios.upgraded_in_steps, (_HOUR, 24 * _HOUR)),
    Scenario("job deleted at its end", 3, rayjob_scenarios.deleted_at_its_end, (0.0, 3 * _MINUTE)),
    Scenario("job fails for other reasons", 3, rayjob_scenarios.fails_otherwise, _RECENT),
    Scenario("cluster admitted later", 1, raycluster_scenarios.admitted_later, (0.0, 8 * _MINUTE)),
    Scenario("job preempted", 2, rayjob_scenarios.preempted, (0.0, 8 * _MINUTE)),
    Scenario("cluster replica failure", 1, raycluster_scenarios.replica_failure, (0.0, 60.0)),
    Scenario("service unhealthy", 1, rayservice_scenarios.unhealthy, (_HOUR, 24 * _HOUR)),
    Scenario("job deletes itself", 3, rayjob_scenarios.deletes_itself, (0.0, 6 * _MINUTE)),
    Scenario("job interactive", 1, rayjob_scenarios.interactive, (0.0, 8 * _MINUTE)),
    Scenario("service suspended and resumed", 0.7, rayservice_scenarios.suspended_and_resumed, _TODAY),
    Scenario("cluster re-created", 1, raycluster_scenarios.recreated, _RECENT),
    Scenario("service rolled back", 0.5, rayservice_scenarios.rolled_back, (_HOUR, 24 * _HOUR)),
    Scenario("job stopped", 1, rayjob_scenarios.stopped, _RECENT),
    Scenario("job deleted while it runs", 1, rayjob_scenarios.deleted_while_running, (0.0, 2 * _MINUTE)),
    Scenario("cluster slow", 1, raycluster_scenarios.slow, _RECENT),
    Scenario("cluster never admitted", 0.3, raycluster_scenarios.never_admitted, _TODAY),
    Scenario("job never admitted", 0.3, rayjob_scenarios.never_admitted, _TODAY),
    Scenario("service timed out", 0.4, rayservice_scenarios.timed_out, (0.0, 15 * _MINUTE)),
    Scenario("cluster head only", 1, raycluster_scenarios.head_only, _RECENT),
    Scenario("job synced by MultiKueue", 0.5, rayjob_scenarios.synced, (0.0, 20 * _MINUTE)),
    Scenario("cluster synced by MultiKueue", 0.3, raycluster_scenarios.synced, _TODAY),
    Scenario("service short-lived", 1, rayservice_scenarios.short_lived, (0.0, 8 * _MINUTE)),
    Scenario("cron daily in Tokyo", 0.1, _cron(raycronjob.DAILY_IN_TOKYO, _NIGHTLY), (36 * _HOUR, 48 * _HOUR)),
    Scenario("cron suspended", 0.2, _cron(raycronjob.EVERY_FIVE_MINUTES, _NIGHTLY, suspended=True), _TODAY),
    Scenario("cron every five minutes", 0.3, _cron(raycronjob.EVERY_FIVE_MINUTES, _MEDIUM), _TODAY),
    Scenario("cron hourly", 0.2, _cron(raycronjob.HOURLY, _NIGHTLY), _TODAY),
    Scenario("cron daily in Kolkata", 0.1, _cron(raycronjob.DAILY_IN_KOLKATA, _NIGHTLY), _TODAY),
)
