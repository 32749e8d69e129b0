"""RayCluster: what state are clusters in, do they have the pods that they ask for, and what do they ask for?"""

from tools.dashboards.panels import (
    GREEN,
    ORANGE,
    RED,
    SOME_ARE_BAD,
    SOME_ARE_WORTH_A_LOOK,
    Column,
    Json,
    Panel,
    Query,
    Row,
    Variable,
    address,
    bars,
    dashboard,
    gauges,
    lines,
    stat,
    table,
    timeline,
)
from tools.dashboards.queries import BY_NAMESPACE, FLEET, NAMED, QUANTILES, counted, waiting_clusters, worded

OBJECT = ("namespace", "name")

OWN = address("kuberay-RayCluster")
OWNER = address("kuberay-${__data.fields.owner_kind}", name="owner_name")


def clusters() -> Json:
    return dashboard(
        "kuberay-RayCluster",
        "RayCluster",
        "States, conditions, workers and resources of RayClusters. Needs the exporter's recording rules.",
        [
            Variable("namespace", "Namespace", "label_values(kuberay_cluster_info, namespace)"),
            Variable("name", "RayCluster", 'label_values(kuberay_cluster_info{namespace=~"$namespace"}, name)'),
        ],
        [
            Row("Are they well?", _numbers()),
            Row("Which are there?", [_list()]),
            Row("What are they doing?", _states()),
            Row("Do they have what they ask for?", _workers()),
            Row("How fast do clusters come?", _lives()),
        ],
    )


def _numbers() -> list[Panel]:
    unready = NAMED.each("kuberay_cluster_status_condition", where='condition="HeadPodReady", status!="true"')
    resting = "unless on (namespace, uid) namespace_uid:kuberay_cluster_at_rest:max"
    failing = NAMED.count("kuberay_cluster_status_condition", where='condition="ReplicaFailure", status="true"')
    missing = NAMED.of("namespace_name_uid:kuberay_cluster_missing_workers:max")
    return [
        stat("How many clusters?", "RayClusters that there are.", NAMED.count("kuberay_cluster_info")),
        stat(
            "How many wait for their pods?",
            "Not provisioned yet, or not again after a resume; suspended ones are not meant.",
            counted(waiting_clusters(NAMED)),
            steps=SOME_ARE_WORTH_A_LOOK,
        ),
        stat(
            "How many have no head?",
            "Their head pod is missing or not ready: nothing works there. Suspended ones are not meant.",
            counted(f"{unready} {resting}"),
            steps=SOME_ARE_BAD,
        ),
        stat(
            "How many can't make pods?",
            "The operator cannot create or delete pods of theirs: condition ReplicaFailure.",
            failing,
            steps=SOME_ARE_BAD,
        ),
        stat(
            "How many workers are missing?",
            "Workers that are asked for and not ready.",
            f"sum({missing}) or vector(0)",
            steps=SOME_ARE_WORTH_A_LOOK,
        ),
        stat(
            "How many are suspended?",
            "Asked to be suspended, by users or by Kueue.",
            f"sum({NAMED.each('kuberay_cluster_suspended')}) or vector(0)",
        ),
        stat("How many CPU cores?", "Asked for by all desired pods.", _total("kuberay_cluster_desired_cpu_cores")),
        stat("How many GPUs?", "Asked for by all desired pods.", _total("kuberay_cluster_desired_gpus")),
    ]


def _total(family: str) -> str:
    return f"sum({NAMED.each(family)}) or vector(0)"


def _list() -> Panel:
    return table(
        "Which clusters are there?",
        "One row for each RayCluster. A click on the name shows it alone; on the owner, the RayJob or RayService.",
        [*OBJECT, "state", "owner_kind", "owner_name", "ray_version"],
        [
            Column("age", f"time() - {NAMED.each('kuberay_cluster_created_timestamp_seconds')}", "s"),
            Column("provisioned in", NAMED.each("kuberay_cluster_provisioned_duration_seconds"), "s", ((600, ORANGE),)),
            Column("workers", NAMED.each("kuberay_cluster_desired_workers"), "short"),
            Column("ready", NAMED.each("kuberay_cluster_ready_workers"), "short"),
            Column("CPU cores", NAMED.each("kuberay_cluster_desired_cpu_cores"), "short"),
            Column("memory", NAMED.each("kuberay_cluster_desired_memory_bytes"), "bytes"),
            Column("GPUs", NAMED.each("kuberay_cluster_desired_gpus"), "short"),
        ],
        infos=[
            worded(NAMED.each("kuberay_cluster_state", "state"), "state", "not ready"),
            NAMED.each("kuberay_cluster_owner", "owner_kind", "owner_name"),
            NAMED.each("kuberay_cluster_version_info", "ray_version"),
        ],
        links={"name": OWN, "owner_name": OWNER},
        sort="age",
        width=24,
        height=10,
    )


def _states() -> list[Panel]:
    condition = "kuberay_cluster_status_condition"
    states = worded(NAMED.count("kuberay_cluster_state", "state"), "state", "not ready")
    ready = NAMED.each(condition, where='condition="HeadPodReady", status="true"')
    unready = NAMED.each(condition, where='condition="HeadPodReady", status!="true"')
    return [
        lines(
            "Which states are they in?",
            "RayClusters by their state; a resumed one is called suspended until it is ready.",
            Query("{{state}}", states),
            stacked=True,
            width=8,
        ),
        table(
            "Which wait for their pods?",
            "Not provisioned, and for how long, since their beginning or their resume.",
            OBJECT,
            [Column("waiting", waiting_clusters(NAMED), "s", ((600, ORANGE), (900, RED)))],
            links={"name": OWN},
            sort="waiting",
            width=8,
        ),
        table(
            "Which head pods are where?",
            "The head's pod and service, for kubectl.",
            [*OBJECT, "head_pod", "head_service"],
            [Column("ready workers", NAMED.each("kuberay_cluster_ready_workers"), "short")],
            infos=[NAMED.each("kuberay_cluster_head_info", "head_pod", "head_service")],
            links={"name": OWN},
            width=8,
        ),
        table(
            "What do their conditions say, and since when?",
            "Every condition with its status, its reason, and how long ago the status changed.",
            [*OBJECT, "condition", "status", "reason"],
            [Column("for", f"time() - {NAMED.each(f'{condition}_transition_timestamp_seconds', 'condition')}", "s")],
            infos=[
                NAMED.each(condition, "condition", "status"),
                NAMED.each(f"{condition}_reason", "condition", "reason"),
            ],
            links={"name": OWN},
            width=12,
        ),
        timeline(
            "When was the head ready?",
            "The condition HeadPodReady over time, of up to 20 clusters; choose one to see more.",
            Query("{{namespace}}/{{name}}", f"topk(20, {ready} or {unready} * 0)"),
            {1: ("ready", GREEN), 0: ("not ready", RED)},
            width=12,
        ),
    ]


def _workers() -> list[Panel]:
    def total(family: str) -> str:
        return f"sum({NAMED.each(family)})"

    missing = NAMED.of("namespace_name_uid:kuberay_cluster_missing_workers:max")
    return [
        lines(
            "Are there as many workers as asked for?",
            "Workers of all chosen RayClusters. Available ones run; ready ones also pass their checks.",
            Query("desired", total("kuberay_cluster_desired_workers")),
            Query("ready", total("kuberay_cluster_ready_workers")),
            Query("available", total("kuberay_cluster_available_workers")),
            Query("at least", total("kuberay_cluster_min_workers")),
            width=8,
        ),
        table(
            "Whose workers are missing?",
            "RayClusters with fewer ready workers than they ask for.",
            OBJECT,
            [Column("missing", missing, "short", SOME_ARE_WORTH_A_LOOK)],
            links={"name": OWN},
            sort="missing",
            width=8,
        ),
        table(
            "Which have reached their limit?",
            "RayClusters with an autoscaler that asks for as many workers as there may be.",
            OBJECT,
            [Column("workers", _at_limit(), "short")],
            links={"name": OWN},
            sort="workers",
            width=8,
        ),
        lines(
            "How many cores and GPUs are asked for?",
            "By all desired pods of the chosen RayClusters.",
            Query("CPU cores", total("kuberay_cluster_desired_cpu_cores")),
            Query("GPUs", total("kuberay_cluster_desired_gpus")),
            Query("TPUs", total("kuberay_cluster_desired_tpus")),
            width=8,
        ),
        lines(
            "How much memory is asked for?",
            "By all desired pods of the chosen RayClusters, by namespace.",
            Query("{{namespace}}", f"sum by (namespace) ({NAMED.each('kuberay_cluster_desired_memory_bytes')})"),
            unit="bytes",
            stacked=True,
            width=8,
        ),
        gauges(
            "Which versions of Ray are there?",
            "RayClusters by spec.rayVersion.",
            Query("{{ray_version}}", NAMED.count("kuberay_cluster_version_info", "ray_version")),
            width=8,
        ),
    ]


def _at_limit() -> str:
    desired = NAMED.each("kuberay_cluster_desired_workers")
    return (
        f"{desired} >= {NAMED.each('kuberay_cluster_max_workers')}"
        " and on (namespace, uid) kuberay_cluster_autoscaling_enabled == 1"
    )


def _lives() -> list[Panel]:
    histogram = "kuberay_clusters_provisioning_duration_seconds"
    return [
        lines(
            "How long does it take to get all pods?",
            f"From creation to the first time that all pods were ready, of those within an hour. {BY_NAMESPACE}",
            *(Query(name, FLEET.quantile(share, histogram)) for name, share in QUANTILES.items()),
            unit="s",
            width=8,
        ),
        lines(
            "Where does it take longest?",
            f"Nine of ten RayClusters of the namespace took less. {BY_NAMESPACE}",
            Query("{{namespace}}", FLEET.of(f"namespace:{histogram}:p90_rate1h")),
            unit="s",
            width=8,
        ),
        bars(
            "How many come and go?",
            f"RayClusters that were created and deleted. {BY_NAMESPACE}",
            Query("created", f"{FLEET.increase('kuberay_clusters_created_total')} > 0"),
            Query("deleted", f"{FLEET.increase('kuberay_clusters_deleted_total')} > 0"),
            width=8,
        ),
    ]
