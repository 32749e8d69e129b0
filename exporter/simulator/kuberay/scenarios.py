"""The cast of the demo: what lives, in which proportion, and how far its first life reaches back.

A fleet of any size takes each scenario once, in this order, and then draws by weight. The order puts first
what a small fleet should not lack. A scenario keeps its place for good: when a life ends, the next one of
the same scenario begins, so the mix does not drift.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from exporter.simulator.kuberay import raycluster_scenarios, raycronjob, rayjob_scenarios, rayservice_scenarios
from exporter.simulator.kuberay.rayjob_plan import Plan
from exporter.simulator.kuberay.world import Stays, World

_MINUTE = 60.0
_HOUR = 3600.0


@dataclass(frozen=True)
class Scenario:
    """One way to live. `age` bounds how many seconds ago the first life began."""

    name: str
    weight: float
    life: Callable[[World], Stays]
    age: tuple[float, float]


def casting(random: Random) -> Iterator[Scenario]:
    """Yield scenarios without end: each one once, then by weight."""
    scenarios = _scenarios()
    yield from scenarios
    weights = [scenario.weight for scenario in scenarios]
    while True:
        yield from random.choices(scenarios, weights, k=64)


def live(world: World, scenario: Scenario) -> Stays:
    """A place in the fleet: one life of the scenario after the other."""
    while True:
        yield from scenario.life(world)
        yield world.uniform(1, 15)


def _scenarios() -> tuple[Scenario, ...]:
    clusters, jobs, services = raycluster_scenarios, rayjob_scenarios, rayservice_scenarios
    lately = (0.0, 12 * _MINUTE)
    today = (3 * _HOUR, 24 * _HOUR)
    cast: tuple[tuple[str, float, Callable[[World], Stays], tuple[float, float]], ...] = (
        ("job retries and succeeds", 4, jobs.retries_and_succeeds, (90.0, 150.0)),
        ("job succeeds", 14, jobs.succeeds, (6 * _MINUTE, 16 * _MINUTE)),
        ("job fails", 5, jobs.fails, (6 * _MINUTE, 12 * _MINUTE)),
        ("cluster autoscaled", 8, clusters.autoscaled, today),
        ("service upgraded", 4, services.upgraded, (10 * _MINUTE, 24 * _HOUR)),
        ("cluster's image missing", 0.5, clusters.image_missing, today),
        ("service never ready", 0.5, services.never_ready, today),
        ("job succeeds, soon", 4, jobs.succeeds, lately),
        ("job runs long", 2, jobs.runs_long, today),
        ("job retries and fails", 3, jobs.retries_and_fails, (90.0, 150.0)),
        ("service upgrade stuck", 0.5, services.upgrade_stuck, today),
        ("job never starts", 0.5, jobs.never_starts, today),
        ("job invalid", 0.5, jobs.invalid, (0.2 * _HOUR, 24 * _HOUR)),
        ("cluster stuck deleting", 0.3, clusters.stuck_deleting, today),
        ("job stuck deleting", 0.3, jobs.stuck_deleting, today),
        ("service stuck deleting", 0.3, services.stuck_deleting, today),
        ("cluster elsewhere", 0.2, clusters.elsewhere, today),
        ("service elsewhere", 0.2, services.elsewhere, today),
        ("job elsewhere", 0.5, jobs.elsewhere, today),
        ("job queued", 4, jobs.queued, lately),
        ("job cron, every minute", 0.5, _every_minute, (_HOUR, 24 * _HOUR)),
        ("cluster short-lived", 5, clusters.short_lived, lately),
        ("cluster suspended and resumed", 2, clusters.suspended_and_resumed, today),
        ("service upgraded in steps", 1, services.upgraded_in_steps, (_HOUR, 24 * _HOUR)),
        ("job vanishes", 3, jobs.vanishes, (0.0, 3 * _MINUTE)),
        ("job fails otherwise", 3, jobs.fails_otherwise, lately),
        ("cluster admitted later", 1, clusters.admitted_later, (0.0, 8 * _MINUTE)),
        ("job preempted", 2, jobs.preempted, (0.0, 8 * _MINUTE)),
        ("cluster replica failure", 1, clusters.replica_failure, (0.0, 60.0)),
        ("cluster re-created", 1, clusters.recreated, lately),
        ("service unhealthy", 1, services.unhealthy, (_HOUR, 24 * _HOUR)),
        ("job deletes itself", 3, jobs.deletes_itself, (0.0, 6 * _MINUTE)),
        ("job interactive", 1, jobs.interactive, (0.0, 8 * _MINUTE)),
        ("service suspended and resumed", 0.7, services.suspended_and_resumed, today),
        ("cluster unschedulable", 0.3, clusters.unschedulable, today),
        ("cluster crash loop", 0.5, clusters.crash_loop, today),
        ("service rolled back", 0.5, services.rolled_back, (_HOUR, 24 * _HOUR)),
        ("job stopped", 1, jobs.stopped, lately),
        ("job deleted midway", 1, jobs.deleted_midway, (0.0, 2 * _MINUTE)),
        ("cluster slow", 1, clusters.slow, lately),
        ("cluster never admitted", 0.3, clusters.never_admitted, today),
        ("job never admitted", 0.3, jobs.never_admitted, today),
        ("service timed out", 0.4, services.timed_out, (0.0, 15 * _MINUTE)),
        ("cluster head only", 1, clusters.head_only, lately),
        ("job mirrored", 0.5, jobs.mirrored, (0.0, 20 * _MINUTE)),
        ("cluster mirrored", 0.3, clusters.mirrored, today),
        ("service short-lived", 1, services.short_lived, (0.0, 8 * _MINUTE)),
        ("cron daily in Tokyo", 0.1, _daily_in_tokyo, (36 * _HOUR, 48 * _HOUR)),
        ("cron suspended", 0.2, _suspended, today),
        ("cron every five minutes", 0.3, _every_five_minutes, today),
        ("cron hourly", 0.2, _hourly, today),
        ("cron daily in Kolkata", 0.1, _daily_in_kolkata, today),
    )
    return tuple(Scenario(*row) for row in cast)


def _every_minute(world: World) -> Stays:
    plan = Plan(mode="HTTPMode", runs=(5, 20), head=(3, 8), workers=(2, 6), lingers=(60, 120), shuts_down=True)
    return raycronjob.live(world, raycronjob.EVERY_MINUTE, plan)


def _every_five_minutes(world: World) -> Stays:
    return raycronjob.live(world, raycronjob.EVERY_FIVE_MINUTES, Plan(runs=(30, 90), lingers=(300, 600)))


def _hourly(world: World) -> Stays:
    return raycronjob.live(world, raycronjob.HOURLY, _nightly())


def _daily_in_tokyo(world: World) -> Stays:
    return raycronjob.live(world, raycronjob.DAILY_IN_TOKYO, _nightly())


def _daily_in_kolkata(world: World) -> Stays:
    return raycronjob.live(world, raycronjob.DAILY_IN_KOLKATA, _nightly())


def _suspended(world: World) -> Stays:
    return raycronjob.live(world, raycronjob.EVERY_FIVE_MINUTES, _nightly(), suspended=True)


def _nightly() -> Plan:
    return Plan(runs=(120, 600), lingers=(600, 1200), shuts_down=True)
