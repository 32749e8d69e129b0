"""What becomes of RayServices: one function per scenario, one call per life."""

from __future__ import annotations

from exporter.simulator.kuberay import fleet, rayservice, rayservice_upgrade
from exporter.simulator.kuberay.raycluster import FOREVER
from exporter.simulator.kuberay.rayjob_plan import MULTIKUEUE
from exporter.simulator.kuberay.rayservice import Service
from exporter.simulator.kuberay.world import Stays, World


def upgraded(world: World) -> Stays:
    """Ready; a new version comes from time to time, and traffic is switched at once."""
    service = rayservice.create(world, fleet.place(world))
    yield from service.start()
    while True:
        yield world.pause(40, 240)
        yield from _begin_upgrade(service)
        yield world.uniform(6, 20)
        yield from service.finish_upgrade()


def upgraded_in_steps(world: World) -> Stays:
    service = rayservice.create(world, fleet.place(world), incremental=True)
    yield from service.start()
    while True:
        yield world.pause(20, 120)
        yield from _begin_upgrade(service)
        yield from rayservice_upgrade.upgrade(service)


def rolled_back(world: World) -> Stays:
    """Each upgrade is taken back half-way."""
    service = rayservice.create(world, fleet.place(world), incremental=True)
    yield from service.start()
    while True:
        yield world.pause(20, 120)
        yield from _begin_upgrade(service)
        yield from rayservice_upgrade.migrate(service, up_to=40)
        yield from rayservice_upgrade.roll_back(service)


def upgrade_stuck(world: World) -> Stays:
    """The new version's application never comes up: both clusters stay, the old one serves."""
    service = rayservice.create(world, fleet.place(world))
    yield from service.start()
    yield world.uniform(600, 1800)
    yield from _begin_upgrade(service)
    yield 30.0
    message = "Deploying app failed: ModuleNotFoundError: No module named 'vllm'"
    service.pending = {
        **service.pending,
        "applicationStatuses": service.apps("DEPLOY_FAILED", "UNHEALTHY", message),
    }
    service.write()
    yield FOREVER


def unhealthy(world: World) -> Stays:
    """Its replicas crash now and then; the endpoints go and come back."""
    service = rayservice.create(world, fleet.place(world))
    yield from service.start()
    while True:
        yield world.pause(30, 120)
        status = world.in_turn("UNHEALTHY", "DEPLOY_FAILED")
        service.suffer(status, "UNHEALTHY", "The deployment failed to start 3 times in a row.")
        service.write()
        yield world.uniform(5, 20)
        service.serve(0)
        service.write()
        yield world.pause(15, 60)
        service.suffer("RUNNING", "HEALTHY", "")
        service.serve(2)
        service.write()


def never_ready(world: World) -> Stays:
    """The applications never come up: Initializing for hours."""
    service = rayservice.create(world, fleet.place(world))
    yield from service.reach_pending()
    yield from service.provision_pending()
    yield FOREVER


def timed_out(world: World) -> Stays:
    """Not ready within the time its annotation allows; deleted by its user later."""
    service = rayservice.create(world, fleet.place(world), timeout=300)
    yield from service.reach_pending()
    yield from service.provision_pending()
    yield 260.0
    yield from service.time_out(300)
    yield world.uniform(300, 900)
    yield from service.delete()


def suspended_and_resumed(world: World) -> Stays:
    service = rayservice.create(world, fleet.place(world))
    yield from service.start()
    while True:
        yield world.pause(60, 240)
        yield from service.suspend()
        yield world.pause(20, 90)
        yield from service.resume()


def short_lived(world: World) -> Stays:
    service = rayservice.create(world, fleet.place(world))
    yield from service.start()
    yield world.uniform(120, 480)
    yield from service.delete()


def stuck_deleting(world: World) -> Stays:
    """Deleted while it served, but somebody's finalizer is never taken off."""
    service = rayservice.create(world, fleet.place(world))
    yield from service.start()
    yield world.uniform(300, 900)
    service.resource.finalizers = [fleet.FOREIGN_FINALIZER]
    service.resource.mark_deleted(world.now)
    world.put(service.resource)
    yield FOREVER


def elsewhere(world: World) -> Stays:
    """Kueue runs it on another cluster and has not reported back: no status at all."""
    service = rayservice.create(world, fleet.place(world), managedBy=MULTIKUEUE)
    world.put(service.resource)
    yield FOREVER


def _begin_upgrade(service: Service) -> Stays:
    yield from service.begin_upgrade()
    yield from service.provision_pending()
