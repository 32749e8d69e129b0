"""RayCronJob's families: object in, exact exposition out."""

from typing import Any

import pytest

from exporter.collectors.raycronjob import RAYCRONJOBS
from tests.support.objects import exposition, manifest


def test_a_cron_job_prints_its_families() -> None:
    """The whole exposition of one object, to the letter."""
    spec = {"schedule": "*/5 * * * *", "timeZone": "Etc/UTC", "suspend": True, "jobTemplate": {"entrypoint": "x"}}
    version = manifest({"lastScheduleTime": "2026-11-23T10:05:00Z"}) | {"spec": spec}
    assert exposition(RAYCRONJOBS, version) == (
        "# HELP kuberay_cronjob_info Schedule and time zone, as labels; the value is 1 "
        "(spec.schedule, spec.timeZone).\n"
        "# TYPE kuberay_cronjob_info gauge\n"
        'kuberay_cronjob_info{name="a",namespace="ns",schedule="*/5 * * * *",time_zone="Etc/UTC",uid="1"} 1\n'
        "# HELP kuberay_cronjob_created_timestamp_seconds Creation time of the object, in Unix seconds "
        "(metadata.creationTimestamp).\n"
        "# TYPE kuberay_cronjob_created_timestamp_seconds gauge\n"
        'kuberay_cronjob_created_timestamp_seconds{name="a",namespace="ns",uid="1"} 1795428000\n'
        "# HELP kuberay_cronjob_suspended Whether suspension is requested: 1 if it is, otherwise 0 (spec.suspend).\n"
        "# TYPE kuberay_cronjob_suspended gauge\n"
        'kuberay_cronjob_suspended{name="a",namespace="ns",uid="1"} 1\n'
        "# HELP kuberay_cronjob_last_schedule_timestamp_seconds Time at which a job was last created, in Unix seconds "
        "(status.lastScheduleTime).\n"
        "# TYPE kuberay_cronjob_last_schedule_timestamp_seconds gauge\n"
        'kuberay_cronjob_last_schedule_timestamp_seconds{name="a",namespace="ns",uid="1"} 1795428300\n'
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"spec": {"schedule": "*/5 * * * *"}, "status": {"lastScheduleTime": "2026-11-23T10:05:00Z"}}, "1795428600"),
        ({"spec": {"schedule": "0 19 * * *", "timeZone": "Asia/Tokyo"}}, "1795514400"),
        ({"spec": {"schedule": "*/5 * * * *", "suspend": True}}, None),
        ({"spec": {"schedule": "at noon"}}, None),
        ({}, None),
    ],
)
def test_the_next_time_of_the_schedule_follows_the_last_job_or_the_creation(
    changes: dict[str, Any], expected: str | None
) -> None:
    """It stays where it is until the operator creates a job; a suspended or unreadable schedule has none."""
    lines = [line for line in exposition(RAYCRONJOBS, manifest() | changes).splitlines() if "_next_schedule" in line]
    assert [line.split()[-1] for line in lines if not line.startswith("#")] == ([expected] if expected else [])


def test_a_cron_job_that_is_being_deleted_has_no_next_time() -> None:
    """Nothing is due any more."""
    version = manifest() | {"spec": {"schedule": "* * * * *"}}
    version["metadata"] |= {"deletionTimestamp": "2026-11-23T10:05:00Z"}
    assert "next_schedule_timestamp_seconds{" not in exposition(RAYCRONJOBS, version)


def test_it_is_exported_only_if_asked_for() -> None:
    """The kind is alpha in KubeRay 1.7: most clusters do not have it."""
    assert not RAYCRONJOBS.is_default
