"""What belongs to an object."""

from exporter.diagnosis.fleet import MAX_EVENTS, MAX_JOBS, MAX_PODS
from tests.support.fleets import ago, fleet_of, pod
from tests.support.objects import manifest


def test_newest_jobs_of_a_cron_job() -> None:
    """The newest are kept, in whatever order they were listed."""
    label = {"ray.io/cronjob-name": "c"}
    jobs = [
        ("RayJob", manifest(name=f"j-{age}", labels=label, creationTimestamp=ago(minutes=age)))
        for age in reversed(range(MAX_JOBS + 1))
    ]
    fleet = fleet_of(("RayCronJob", manifest(name="c")), *jobs)
    cron_job = fleet.find("RayCronJob", "ns", "c")
    assert cron_job is not None
    names = [job.metadata.name for job in fleet.related(cron_job).jobs]
    assert names == [f"j-{age}" for age in range(MAX_JOBS)]


def test_most_pods_of_a_cluster() -> None:
    """Pods above the maximum are left out."""
    pods = [pod(f"p-{number}") for number in range(MAX_PODS + 1)]
    fleet = fleet_of(("RayCluster", manifest(name="a")), *pods)
    cluster = fleet.find("RayCluster", "ns", "a")
    assert cluster is not None
    assert len(fleet.related(cluster).pods) == MAX_PODS


def test_newest_events_of_an_object() -> None:
    """The newest are kept; those of an earlier object of the same name are not."""
    reference = {"kind": "RayCluster", "name": "a", "uid": "old"}
    events = [
        (
            "Event",
            {
                "metadata": {"namespace": "ns", "name": f"e-{age}", "uid": f"e-{age}"},
                "involvedObject": {"kind": "RayCluster", "name": "a", "uid": "new"},
                "lastTimestamp": ago(minutes=age),
                "reason": f"R{age}",
            },
        )
        for age in reversed(range(MAX_EVENTS + 1))
    ]
    earlier = ("Event", {**events[0][1], "involvedObject": reference, "lastTimestamp": ago()})
    fleet = fleet_of(("RayCluster", manifest(name="a", uid="new")), *events, earlier)
    cluster = fleet.find("RayCluster", "ns", "a")
    assert cluster is not None
    assert [event.reason for event in fleet.related(cluster).events] == [f"R{age}" for age in range(MAX_EVENTS)]
