"""Scenarios of RayServices: one function for each; one call is one run, of one service."""

from __future__ import annotations

from exporter.simulator.kuberay import fleet, rayservice, rayservice_upgrade
from exporter.simulator.kuberay.rayjob_plan import MULTIKUEUE
from exporter.simulator.kuberay.rayservice import SimulatedService
from exporter.simulator.kuberay.world import FOREVER, Steps, World


def upgraded(world: World) -> Steps:
    """Ready; now and then its version changes, and all traffic is switched at once."""
    service = rayservice.create(world, fleet.random_tenant(world))
    yield from service.start()
    while True:
        yield world.random_pause(40, 240)
        yield from _begin_upgrade(service)
        yield world.uniform(6, 20)
        yield from service.finish_upgrade()


def upgraded_in_steps(world: World) -> Steps:
    service = rayservice.create(world, fleet.random_tenant(world), incremental=True)
    yield from service.start()
    while True:
        yield world.random_pause(20, 120)
        yield from _begin_upgrade(service)
        yield from rayservice_upgrade.upgrade(service)


def rolled_back(world: World) -> Steps:
    """Each upgrade is reverted before it has all traffic."""
    service = rayservice.create(world, fleet.random_tenant(world), incremental=True)
    yield from service.start()
    while True:
        yield world.random_pause(20, 120)
        yield from _begin_upgrade(service)
        yield from rayservice_upgrade.migrate(service, up_to=40)
        yield from rayservice_upgrade.roll_back(service)


def upgrade_stuck(world: World) -> Steps:
    """The application of the new version never runs: both clusters stay, and the old one serves."""
    service = rayservice.create(world, fleet.random_tenant(world))
    yield from service.start()
    yield world.uniform(600, 1800)
    yield from _begin_upgrade(service)
    yield 30.0
    message = "Deploying app failed: ModuleNotFoundError: No module named 'vllm'"
    service.pending = {
        **service.pending,
        "applicationStatuses": service.app_statuses("DEPLOY_FAILED", "UNHEALTHY", message),
    }
    service.write()
    yield FOREVER


def unhealthy(world: World) -> Steps:
    """Now and then its replicas crash: it has no endpoints for a while."""
    service = rayservice.create(world, fleet.random_tenant(world))
    yield from service.start()
    while True:
        yield world.random_pause(30, 120)
        status = world.in_turn("UNHEALTHY", "DEPLOY_FAILED")
        service.restart_worker()
        service.set_app_status(status, "UNHEALTHY", "The deployment failed to start 3 times in a row.")
        service.write()
        yield world.uniform(5, 20)
        service.set_endpoints(0)
        service.write()
        yield world.random_pause(15, 60)
        service.set_app_status("RUNNING", "HEALTHY", "")
        service.set_endpoints(2)
        service.write()


def never_ready(world: World) -> Steps:
    """The applications never run: Initializing for hours."""
    service = rayservice.create(world, fleet.random_tenant(world))
    yield from service.reach_pending()
    yield from service.provision_pending()
    yield FOREVER


def timed_out(world: World) -> Steps:
    """Not ready within the time that its annotation allows; its user deletes it later."""
    service = rayservice.create(world, fleet.random_tenant(world), timeout=300)
    yield from service.reach_pending()
    yield from service.provision_pending()
    yield 260.0
    yield from service.time_out(300)
    yield world.uniform(300, 900)
    yield from service.delete()


def suspended_and_resumed(world: World) -> Steps:
    service = rayservice.create(world, fleet.random_tenant(world))
    yield from service.start()
    while True:
        yield world.random_pause(60, 240)
        yield from service.suspend()
        yield world.random_pause(20, 90)
        yield from service.resume()


def short_lived(world: World) -> Steps:
    service = rayservice.create(world, fleet.random_tenant(world))
    yield from service.start()
    yield world.uniform(120, 480)
    yield from service.delete()


def stuck_deleting(world: World) -> Steps:
    """Deleted while it serves, but the finalizer of another controller is never removed."""
    service = rayservice.create(world, fleet.random_tenant(world))
    yield from service.start()
    yield world.uniform(300, 900)
    service.obj.finalizers = [fleet.FOREIGN_FINALIZER]
    service.obj.mark_deleted(world.now)
    world.put(service.obj)
    yield FOREVER


def dispatched(world: World) -> Steps:
    """MultiKueue has dispatched it to another cluster and has not synced a status yet."""
    service = rayservice.create(world, fleet.random_tenant(world), managedBy=MULTIKUEUE)
    world.put(service.obj)
    yield FOREVER


def _begin_upgrade(service: SimulatedService) -> Steps:
    yield from service.begin_upgrade()
    yield from service.provision_pending()
