"""RayCronJob: only its schedule and its last time are read."""

from exporter.collectors.raycronjob import RAYCRONJOBS
from tests.support.objects import decode, manifest


def test_the_template_of_its_jobs_is_not_decoded() -> None:
    """It is a whole spec of a RayJob, in a form that may change while the kind is alpha."""
    spec = {"schedule": "@daily", "jobTemplate": "of another form", "concurrencyPolicy": 7}
    cron_job = decode(RAYCRONJOBS, manifest() | {"spec": spec})
    assert (cron_job.spec.schedule, cron_job.spec.time_zone, cron_job.spec.suspend) == ("@daily", None, None)


def test_a_cron_job_that_never_ran_has_no_last_time() -> None:
    """Neither without a status nor with an empty one."""
    assert decode(RAYCRONJOBS, manifest()).status is None
    assert decode(RAYCRONJOBS, manifest({"lastScheduleTime": None})).status.last_schedule_time is None
