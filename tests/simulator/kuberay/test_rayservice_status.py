"""The status of a service: applications, and the condition Ready."""

from exporter.simulator.kuberay import fleet, rayservice
from exporter.simulator.kuberay.rayservice_status import APPS, application
from tests.support.scenario import new_world, objects


def test_all_deployments_of_an_application_have_one_status() -> None:
    """A message is there only if there is something to say."""
    name, deployments = APPS[0]
    status = application(APPS[0], "RUNNING", "HEALTHY")[name]
    assert status["serveDeploymentStatuses"] == {each: {"status": "HEALTHY"} for each in deployments}
    assert "message" not in status
    assert application(APPS[0], "UNHEALTHY", "UNHEALTHY", "lost")[name]["message"] == "lost"


def test_a_service_is_ready_while_it_has_endpoints() -> None:
    """The condition says why it is not."""
    world, store = new_world()
    service = rayservice.create(world, fleet.random_tenant(world))
    seen = []
    for endpoints in (2, 0):
        service.set_endpoints(endpoints)
        service.write()
        (obj,) = objects(store, "rayservices")
        (ready,) = obj["status"]["conditions"]
        seen.append(
            (
                ready["status"],
                ready["reason"],
                obj["status"].get("numServeEndpoints"),
                obj["status"].get("serviceStatus"),
            )
        )
    assert seen == [("True", "NonZeroServeEndpoints", 2, "Running"), ("False", "ZeroServeEndpoints", None, None)]


def test_a_condition_that_is_observed_again_keeps_its_time() -> None:
    """Only its generation changes."""
    world, _ = new_world()
    service = rayservice.create(world, fleet.random_tenant(world))
    service.set_endpoints(2)
    (before,) = service._conditions
    world.now += 60
    service.obj.generation = 7
    service.observe_generation()
    service.refresh_condition("Ready")
    (after,) = service._conditions
    assert (after["observedGeneration"], after["lastTransitionTime"]) == (7, before["lastTransitionTime"])
