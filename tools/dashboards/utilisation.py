"""The dashboard `KubeRay / Utilisation`: measured and idle GPUs beside what is requested.

docs/cost.md says what each number is, and what it is not.
"""

from tools.dashboards.board import Row, Variable, address, dashboard
from tools.dashboards.panels import Column, Json, Panel, Query, lines, stat, table
from tools.dashboards.queries import AS_KUBERAY_COUNTS, FLEET, empty_as, without_suspended

RAY, DCGM = "namespace_ray_io_cluster:ray_gpus", "namespace_ray_io_cluster:dcgm_gpus"

CLUSTER = address("kuberay-RayCluster", name="ray_io_cluster")


BY_NAME = "kuberay_cluster_desired_extended_resources"
MEASURED = "Only GPUs with measurements of ten minutes."


def board() -> Json:
    return dashboard(
        "kuberay-utilisation",
        "KubeRay / Utilisation",
        "Measured, idle and requested GPUs. Requires the rules of the group utilisation, and Ray's or DCGM's metrics.",
        [Variable("namespace", "Namespace", "label_values(kuberay_cluster_info, namespace)")],
        [Row("Now", _now()), Row("Over time", _over_time()), Row("GPU-hours of the chosen time", _hours())],
        time="now-24h",
    )


def _hours_of(family: str, *labels: str) -> str:
    """Return what adds up in the selected time; minutes without a measurement add nothing."""
    return f"sum by (namespace, {', '.join(labels)}) (sum_over_time({FLEET.of(family)}[$__range:1m])) / 60"


def _total(family: str) -> str:
    return f"sum({FLEET.of(family)}) or vector(0)"


def _requested() -> str:
    return f"sum({without_suspended(FLEET, 'kuberay_cluster_desired_gpus')})"


def _coverage(source: str) -> str:
    measured = FLEET.of(f"{source}_measured:count")
    return f"sum({measured}) / {_requested()}"


def _now() -> list[Panel]:
    return [
        stat(
            "Requested GPUs",
            f"GPUs of RayClusters that are not suspended. {AS_KUBERAY_COUNTS}",
            f"{_requested()} or vector(0)",
            width=4,
        ),
        stat("Measured by Ray", f"GPUs whose use Ray reads. {MEASURED}", _total(f"{RAY}_measured:count"), width=4),
        stat(
            "Idle by Ray",
            f"GPUs on which Ray saw less than 1% use in ten minutes. {MEASURED}",
            _total(f"{RAY}_idle:count"),
            width=4,
        ),
        stat(
            "Measured by DCGM",
            f"Devices and MIG instances of Ray pods that dcgm-exporter reads. {MEASURED}",
            _total(f"{DCGM}_measured:count"),
            width=4,
        ),
        stat(
            "Idle by DCGM",
            f"Devices and MIG instances whose engine was active for less than 1% in ten minutes. {MEASURED}",
            _total(f"{DCGM}_idle:count"),
            width=4,
        ),
        stat(
            "Covered by Ray",
            "Share of the requested GPUs that Ray measures: idle GPUs of the others are unknown.",
            f"{_coverage(RAY)} >= 0 or vector(0)",
            unit="percentunit",
            width=4,
        ),
    ]


def _over_time() -> list[Panel]:
    return [
        lines(
            "GPUs",
            "Requested is what pods that should exist ask for; pending pods have none. Idle is a lower bound.",
            Query("requested", _requested()),
            Query("measured by Ray", f"sum({FLEET.of(f'{RAY}_measured:count')})"),
            Query("idle by Ray", f"sum({FLEET.of(f'{RAY}_idle:count')})"),
            Query("measured by DCGM", f"sum({FLEET.of(f'{DCGM}_measured:count')})"),
            Query("idle by DCGM", f"sum({FLEET.of(f'{DCGM}_idle:count')})"),
        ),
        lines(
            "Coverage",
            "Share of the requested GPUs that are measured, by source.",
            Query("Ray", _coverage(RAY)),
            Query("DCGM", _coverage(DCGM)),
            unit="percentunit",
        ),
        lines(
            "Requested by name",
            "Extended resources that desired pods request: GPUs, slices, other devices; without suspended clusters.",
            Query("{{resource}}", f"sum by (resource) ({without_suspended(FLEET, BY_NAME, 'resource')})"),
        ),
    ]


def _hours() -> list[Panel]:
    by_owner = "namespace_owner_kind_owner_name:ray_gpus_idle:sum"
    by_name = "kuberay_clusters_requested_extended_resource_seconds_total"
    requested = FLEET.increase(by_name, "namespace", "resource", window="$__range")
    by_team = "namespace_label_team:ray_gpus_idle:sum"
    return [
        table(
            "GPU-hours by cluster",
            "Measured and idle GPU-hours by both sources. Idle RayServices wait for requests.",
            ["namespace", "ray_io_cluster"],
            [
                Column("idle (Ray)", _hours_of(f"{RAY}_idle:count", "ray_io_cluster"), "h"),
                Column("measured (Ray)", _hours_of(f"{RAY}_measured:count", "ray_io_cluster"), "h"),
                Column("idle (DCGM)", _hours_of(f"{DCGM}_idle:count", "ray_io_cluster"), "h"),
                Column("measured (DCGM)", _hours_of(f"{DCGM}_measured:count", "ray_io_cluster"), "h"),
            ],
            links={"ray_io_cluster": CLUSTER},
            sort="idle (Ray)",
            width=24,
        ),
        table(
            "Idle GPU-hours by owner",
            "Idle GPU-hours by Ray, of clusters of a RayJob or RayService.",
            ["namespace", "owner_kind", "owner_name"],
            [Column("idle", _hours_of(by_owner, "owner_kind", "owner_name"), "h")],
            sort="idle",
        ),
        table(
            "Requested hours by name",
            "Hours of extended resources that RayClusters requested, also those that are gone. One is what its plugin "
            "offers: a device, a slice, a replica.",
            ["namespace", "resource"],
            [Column("requested", f"{requested} / 3600", "h")],
            sort="requested",
        ),
        table(
            "Idle GPU-hours by team",
            "Idle GPU-hours by Ray, by the label team, which --metric-labels-allowlist has to export.",
            ["namespace", "label_team"],
            [Column("idle", empty_as("none", _hours_of(by_team, "label_team"), "label_team"), "h")],
            sort="idle",
        ),
    ]
