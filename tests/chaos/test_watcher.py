"""The campaign's watcher finds what it is there for."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chaos.watcher import UID_FAMILIES, Watcher
from tests.support.processes import HttpAnswer


def body(*uids: str, jobs: int = 1, synced: int = 1) -> bytes:
    """Return an exposition with these RayJobs, and a counter."""
    lines = ["# HELP kuberay_job_info Text.", "# TYPE kuberay_job_info gauge"]
    lines += [f'kuberay_job_info{{uid="{uid}"}} 1' for uid in uids]
    lines += ["# HELP kuberay_jobs_created_total Text.", "# TYPE kuberay_jobs_created_total counter"]
    lines += [f'kuberay_jobs_created_total{{namespace="a"}} {jobs}']
    lines += ["# HELP kuberay_exporter_synced Text.", "# TYPE kuberay_exporter_synced gauge"]
    lines += [f'kuberay_exporter_synced{{resource="{plural}"}} {synced}' for plural in UID_FAMILIES]
    return "".join(f"{line}\n" for line in lines).encode()


class Answers:
    """An exporter that is up and gives these bodies, one after the other."""

    generation = 0
    is_up = True

    def __init__(self) -> None:
        self.bodies: Iterator[bytes] = iter(())
        self.health = 200

    def get(self, path: str) -> HttpAnswer:
        return HttpAnswer(self.health, {}, b"") if path == "/healthz" else HttpAnswer(200, {}, next(self.bodies))


@pytest.mark.parametrize(
    ("second", "complaint"),
    [
        (body("1", "2"), ""),
        (body("1"), "a scrape is partial: 1 objects are missing, such as 2"),
        (body("1", "2", jobs=0), "kuberay_jobs_created_total{'namespace': 'a'} fell from 1 to 0"),
        (body("1", "2").replace(b"kuberay_jobs_", b"kuberay_others_"), "fell from 1 to None"),
        (body("1", "1"), "a scrape is lost: AssertionError"),
        (body("1", "2")[:-5], "a scrape is lost:"),
        (b"", "a scrape is lost: AssertionError an empty body"),
    ],
    ids=["well", "partial", "fallen", "vanished", "twice", "cut", "empty"],
)
def test_complains_of_what_must_not_be(second: bytes, complaint: str) -> None:
    """Of the second scrape, after the first one was complete; and of nothing else."""
    exporter: Any = Answers()
    watcher = Watcher(exporter)
    watcher.stop()
    exporter.bodies = iter([body("1", "2"), second])
    watcher.scrape()
    watcher.settle(set(), {"rayjobs": {"1", "2"}})
    watcher.scrape()
    watcher.settle(set(), {})
    assert len(watcher.wrong) == bool(complaint)
    assert complaint in "".join(watcher.wrong)
