"""The pod that submits a RayJob: which writes and Events each step makes."""

import pytest

from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.submitter import Submitter
from exporter.simulator.kuberay.world import World
from tests.support.simulation import JSON, START, RecordingStore


class Submission:
    """A world with one job and its submitter."""

    def __init__(self, *, with_pods: bool = True) -> None:
        self.store = RecordingStore()
        self.world = World(self.store, seed=1, with_pods=with_pods)
        self.world.now = START
        job = self.world.new_object("rayjobs", "ns", "j", {})
        self.world.put(job)
        self.submitter = Submitter(self.world, job, Shape())

    def finish_deletion(self) -> None:
        """Run the steps that a deletion has begun."""
        for run in self.world.spawned:
            for _ in run.steps:
                self.world.now += 1
        self.world.spawned.clear()

    def pods(self) -> list[JSON]:
        return [obj for _, plural, obj in self.store.writes if plural == "pods"]

    def events(self) -> list[tuple[str, str]]:
        return [(obj["reason"], obj["message"]) for _, plural, obj in self.store.writes if plural == "events"]

    def live_pods(self) -> list[str]:
        return [name for plural, _, name in self.store.live if plural == "pods"]


def test_a_submitter_from_its_creation_to_its_end() -> None:
    """Created, scheduled, running, ended."""
    submission = Submission()
    submission.submitter.create()
    submission.submitter.run()
    submission.submitter.end(0)
    assert [pod["status"]["phase"] for pod in submission.pods()] == ["Pending", "Pending", "Running", "Succeeded"]
    assert submission.events() == [("CreatedRayJobSubmitter", "Created Kubernetes Job ns/j")]
    assert len(submission.live_pods()) == 1


@pytest.mark.parametrize(
    ("exit_code", "phase", "reason"), [(0, "Succeeded", "Completed"), (1, "Failed", "Error"), (255, "Failed", "Error")]
)
def test_ends(exit_code: int, phase: str, reason: str) -> None:
    """With the exit code of the Ray job."""
    submission = Submission()
    submission.submitter.create()
    submission.submitter.end(exit_code)
    status = submission.pods()[-1]["status"]
    terminated = status["containerStatuses"][0]["state"]["terminated"]
    assert (status["phase"], terminated["exitCode"], terminated["reason"]) == (phase, exit_code, reason)


@pytest.mark.parametrize("runs", [True, False])
def test_a_deleted_submitter_is_gone(runs: bool) -> None:
    """At once if it has not run; later methods do nothing."""
    submission = Submission()
    submission.submitter.create()
    if runs:
        submission.submitter.run()
    submission.submitter.delete(by_operator=False)
    submission.finish_deletion()
    assert submission.live_pods() == []
    written = len(submission.store.writes)
    submission.submitter.run()
    submission.submitter.end(0)
    assert len(submission.store.writes) == written


@pytest.mark.parametrize(("by_operator", "deleted"), [(True, 1), (False, 0)])
def test_only_the_operator_records_a_deletion(by_operator: bool, deleted: int) -> None:
    """A submitter that is deleted with its job has no Event."""
    submission = Submission()
    submission.submitter.create()
    submission.submitter.delete(by_operator=by_operator)
    event = ("DeletedRayJobSubmitter", "Deleted submitter K8s Job ns/j")
    assert submission.events().count(event) == deleted


def test_each_attempt_has_another_pod() -> None:
    """Of the same Job's name."""
    submission = Submission()
    submission.submitter.create()
    submission.submitter.delete(by_operator=True)
    submission.submitter.create()
    names = {pod["metadata"]["name"] for pod in submission.pods()}
    assert len(names) == 2
    assert all(name.startswith("j-") for name in names)


def test_nothing_is_written_before_the_creation_or_without_pods() -> None:
    """Neither pods nor Events."""
    before = Submission()
    before.submitter.run()
    before.submitter.end(1)
    before.submitter.delete(by_operator=True)
    without = Submission(with_pods=False)
    without.submitter.create()
    without.submitter.run()
    without.submitter.end(0)
    without.submitter.delete(by_operator=True)
    for submission in (before, without):
        assert [plural for _, plural, _ in submission.store.writes] == ["rayjobs"]
