"""RayCronJob's metrics; the operator (v1.7.0) has none, as the kind is alpha."""

from exporter.families.metadata import created_row, labels_row, suspended_row
from exporter.families.table import Kind, Row, remember_nothing
from exporter.families.values import info, of_spec, of_status, timestamp
from exporter.resources.raycronjob import RayCronJob

RAYCRONJOBS: Kind[RayCronJob, None] = Kind(
    plural="raycronjobs",
    name=RayCronJob.kind,
    object_type=RayCronJob,
    remember=remember_nothing,
    is_default=False,
    rows=(
        Row(
            name="kuberay_cronjob_info",
            text="Schedule and time zone, as labels; the value is 1",
            labels=("schedule", "time_zone"),
            source="spec.schedule, spec.timeZone",
            values=of_spec(lambda spec: info(spec.schedule, spec.time_zone)),
        ),
        created_row("kuberay_cronjob"),
        suspended_row("kuberay_cronjob"),
        Row(
            name="kuberay_cronjob_last_schedule_timestamp_seconds",
            text="Time at which a job was last created, in Unix seconds",
            source="status.lastScheduleTime",
            values=of_status(lambda status: timestamp(status.last_schedule_time)),
        ),
        labels_row("kuberay_cronjob"),
    ),
)
