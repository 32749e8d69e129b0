"""PromQL that several dashboards use.

A restarted exporter is another target, so the series of both can overlap for some minutes. Every query aggregates by
object, so no object counts twice in that time.
"""

from dataclasses import dataclass

# RayJobs are so rare that a shorter window is usually empty.
WINDOW = "1h"

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}

KINDS = {"RayCluster": "cluster", "RayJob": "job", "RayService": "service"}
"""Each kind with its word in metric names. The uid of a kind's dashboard is `kuberay-<kind>`."""

BY_NAMESPACE = "Counted per namespace, so the name filter has no effect."
"""Part of the descriptions of panels on counters and histograms."""


@dataclass(frozen=True)
class Scope:
    """The label matchers that apply the variables of a dashboard."""

    matchers: str

    def of(self, family: str, where: str = "") -> str:
        """Return the selected series of a family, from all targets."""
        return f"{family}{{{', '.join(filter(None, (self.matchers, where)))}}}"

    def each(self, family: str, *labels: str, where: str = "") -> str:
        """Return one series for each object and each combination of values of `labels`."""
        return f"max by ({', '.join(('namespace', 'name', 'uid', *labels))}) ({self.of(family, where)})"

    def count(self, family: str, *labels: str, where: str = "") -> str:
        """Return the number of objects by `labels`. Without `labels`, the result is 0 if there are no objects."""
        each = self.each(family, *labels, where=where)
        return f"count by ({', '.join(labels)}) ({each})" if labels else count_or_zero(each)

    def increase(self, counter: str, *labels: str, window: str = "$__rate_interval", where: str = "") -> str:
        """Return the increase of a counter in a window, by `labels`. The counters of each target start at 0."""
        by = f" by ({', '.join(labels)}) " if labels else ""
        return f"sum{by}(increase({self.of(counter, where)}[{window}]))"

    def quantile(self, share: float, histogram: str) -> str:
        """Return a quantile over the last hour and all selected namespaces. It is empty if there were no events."""
        rate = f"rate({self.of(f'{histogram}_bucket')}[{WINDOW}])"
        return f"histogram_quantile({share}, sum by (le) ({rate})) >= 0"


FLEET = Scope('namespace=~"$namespace"')
NAMED = Scope('namespace=~"$namespace", name=~"$name"')


def count_or_zero(expr: str) -> str:
    """Return the number of series, or 0 if there are none."""
    return f"count({expr}) or vector(0)"


def empty_as(text: str, expr: str, label: str) -> str:
    """Return the same series with `text` in place of an empty label."""
    return f'label_replace({expr}, "{label}", "{text}", "{label}", "")'


def of_any_kind(family: str) -> str:
    """Return a family of all kinds with the label `kind`. `{}` in its name stands for the word of the kind."""
    kinds = [
        f'label_replace({FLEET.of(family.format(word))}, "kind", "{kind}", "", "")' for kind, word in KINDS.items()
    ]
    return f"max by (namespace, kind, name, uid) ({' or '.join(kinds)})"


SUSPENDED = (
    'kuberay_cluster_suspended == 1 or kuberay_cluster_status_condition{condition="RayClusterSuspended", status="true"}'
)
"""Clusters that are suspended, by their spec or by their condition.

After a resume, the state stays `suspended` until the cluster is ready, although the operator already creates its pods.
"""


AS_KUBERAY_COUNTS = "GPUs are as KubeRay counts them: MIG slices too, other devices not."
"""Part of the descriptions of panels with GPUs."""


def without_suspended(scope: Scope, family: str, *labels: str) -> str:
    """Return a family of RayClusters without suspended ones, whose status still has the desired numbers."""
    return f"{scope.each(family, *labels)} unless on (namespace, uid) ({SUSPENDED})"


def suspended_only(scope: Scope, family: str) -> str:
    """Return a family of the suspended RayClusters, which may wait in a queue such as Kueue's."""
    return f"{scope.each(family)} and on (namespace, uid) ({SUSPENDED})"


def waiting_clusters(scope: Scope) -> str:
    """Return the seconds that clusters have waited for their pods, since their creation or since they were resumed."""
    begun = scope.each(
        "kuberay_cluster_status_condition_transition_timestamp_seconds",
        where='condition="RayClusterSuspended", status="false"',
    )
    return (
        f"time() - {begun}"
        ' and on (namespace, uid) kuberay_cluster_status_condition{condition="RayClusterProvisioned", status!="true"}'
        " unless on (namespace, uid) namespace_uid:kuberay_cluster_at_rest:max"
        # A worker without a Serve replica is never ready, so that such a cluster may never be provisioned.
        " unless on (namespace, uid) namespace_name_uid:kuberay_cluster_serving:max"
    )


def running_jobs(scope: Scope) -> str:
    """Return the seconds that jobs have been running, including the start of their cluster."""
    return (
        f"time() - {scope.each('kuberay_job_start_timestamp_seconds')}"
        ' and on (namespace, uid) kuberay_job_deployment_status{deployment_status="Running"}'
    )


def unstarted_jobs(scope: Scope) -> str:
    """Return the seconds that jobs have not run, by state: since the start of their attempt, or their creation."""
    state = scope.each(
        "kuberay_job_deployment_status",
        "deployment_status",
        where='deployment_status=~"|Initializing|Waiting|Retrying|Suspended"',
    )
    state = empty_as("New", state, "deployment_status")
    start, created = (
        f"max by (namespace, uid) ({scope.of(f'kuberay_job_{time}_timestamp_seconds')})"
        for time in ("start", "created")
    )
    return f"{state} * on (namespace, uid) group_left () (time() - ({start} or {created}))"


def unready_services(scope: Scope) -> str:
    """Return the seconds that services have not been ready, since they were resumed at most; without suspended ones."""
    family = "kuberay_service_status_condition_transition_timestamp_seconds"
    unready = scope.of(family, 'condition="Ready", status!="true"')
    resumed = scope.of(family, 'condition="Suspended", status="false"')
    return (
        f"time() - max by (namespace, name, uid) ({unready} or {resumed})"
        f" and on (namespace, uid) {unready}"
        " unless on (namespace, uid) namespace_uid:kuberay_service_at_rest:max"
    )
