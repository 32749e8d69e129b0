"""RayCronJob's metrics; the operator (v1.7.0) has none, as the kind is alpha."""

from exporter.families.metadata import created_row, labels_row, suspended_row
from exporter.families.table import Kind, Row, remember_nothing
from exporter.families.values import Values, info, of_spec, of_status, timestamp
from exporter.resources.raycronjob import RayCronJob, next_due


def _next_schedule(cron_job: RayCronJob, _remembered: None) -> Values:
    """Depends on the object alone, not on the time: a schedule that was missed stays in the past."""
    meta, spec, status = cron_job.metadata, cron_job.spec, cron_job.status
    since = (status and status.last_schedule_time) or meta.creation_timestamp
    if spec is None or spec.suspend or meta.deletion_timestamp is not None or since is None:
        return []
    return timestamp(next_due(spec.schedule or "", spec.time_zone or "", since))


# Rows in a few lines each.
# fmt: off
RAYCRONJOBS: Kind[RayCronJob, None] = Kind(
    plural="raycronjobs",
    name=RayCronJob.kind,
    object_type=RayCronJob,
    remember=remember_nothing,
    is_default=False,
    rows=(
        Row("kuberay_cronjob_info", "Schedule and time zone, as labels; the value is 1", "spec.schedule, spec.timeZone",
            of_spec(lambda spec: info(spec.schedule, spec.time_zone)), labels=("schedule", "time_zone")),
        created_row("kuberay_cronjob"),
        suspended_row("kuberay_cronjob"),
        Row("kuberay_cronjob_last_schedule_timestamp_seconds", "Time at which a job was last created, in Unix seconds",
            "status.lastScheduleTime", of_status(lambda status: timestamp(status.last_schedule_time))),
        Row("kuberay_cronjob_next_schedule_timestamp_seconds",
            "First time of the schedule after the last job or the creation, unless suspended, in Unix seconds",
            "spec.schedule, status.lastScheduleTime", _next_schedule,
            reads="metadata.creationTimestamp, metadata.deletionTimestamp, spec.suspend, spec.timeZone"),
        labels_row("kuberay_cronjob"),
    ),
)
# fmt: on
