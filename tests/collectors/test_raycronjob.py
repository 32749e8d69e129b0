"""RayCronJob's families: object in, exact exposition out."""

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


def test_it_is_exported_only_if_asked_for() -> None:
    """The kind is alpha in KubeRay 1.7: most clusters do not have it."""
    assert not RAYCRONJOBS.is_default
