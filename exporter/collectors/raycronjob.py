"""RayCronJob's metrics; the operator has none (v1.7.0, where the kind is alpha)."""

from exporter.collectors.metadata import created_row, labels_row, suspended_row
from exporter.collectors.table import Kind, Row, remember_nothing
from exporter.collectors.values import info, of_spec, of_status, timestamp
from exporter.resources.raycronjob import RayCronJob

RAYCRONJOBS: Kind[RayCronJob, None] = Kind(
    plural="raycronjobs",
    name="RayCronJob",
    resource=RayCronJob,
    remember=remember_nothing,
    is_default=False,
    rows=(
        Row(
            name="kuberay_cronjob_info",
            help="Always 1; the schedule and its time zone are labels (spec.schedule, spec.timeZone).",
            labels=("schedule", "time_zone"),
            source="spec.schedule, spec.timeZone",
            series="0 or 1",
            values=of_spec(lambda spec: info(spec.schedule, spec.time_zone)),
        ),
        created_row("kuberay_cronjob"),
        suspended_row("kuberay_cronjob"),
        Row(
            name="kuberay_cronjob_last_schedule_timestamp_seconds",
            help="When a job was last made (status.lastScheduleTime).",
            source="status.lastScheduleTime",
            series="0 or 1",
            values=of_status(lambda status: timestamp(status.last_schedule_time)),
        ),
        labels_row("kuberay_cronjob"),
    ),
)
