"""PromQL that every dashboard needs, so written that a restarted exporter, which is another target, doubles nothing."""

from dataclasses import dataclass

from tools.dashboards.panels import WINDOW

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}

KINDS = {"RayCluster": "cluster", "RayJob": "job", "RayService": "service"}
"""The word for each kind in the names of metrics; the dashboard of a kind is `kuberay-` and the kind."""

BY_NAMESPACE = "Counted by namespace: the choice of names changes nothing here."
"""For panels on counters and histograms."""


@dataclass(frozen=True)
class Scope:
    """What the variables of a dashboard choose, as matchers of labels."""

    matchers: str

    def of(self, family: str, where: str = "") -> str:
        """The chosen series of a family, of all targets."""
        return f"{family}{{{', '.join(filter(None, (self.matchers, where)))}}}"

    def each(self, family: str, *labels: str, where: str = "") -> str:
        """One series for each object, and for each value of these labels."""
        return f"max by ({', '.join(('namespace', 'name', 'uid', *labels))}) ({self.of(family, where)})"

    def count(self, family: str, *labels: str, where: str = "") -> str:
        """How many objects, by these labels; 0 if none is asked for and there are none."""
        each = self.each(family, *labels, where=where)
        return f"count by ({', '.join(labels)}) ({each})" if labels else counted(each)

    def increase(self, counter: str, *labels: str, window: str = "$__rate_interval", where: str = "") -> str:
        """What was counted in a window, by these labels; each target counts from 0."""
        by = f" by ({', '.join(labels)}) " if labels else ""
        return f"sum{by}(increase({self.of(counter, where)}[{window}]))"

    def quantile(self, share: float, histogram: str) -> str:
        """A quantile of what happened within an hour, in all chosen namespaces together; none if nothing happened."""
        rate = f"rate({self.of(f'{histogram}_bucket')}[{WINDOW}])"
        return f"histogram_quantile({share}, sum by (le) ({rate})) >= 0"


FLEET = Scope('namespace=~"$namespace"')
NAMED = Scope('namespace=~"$namespace", name=~"$name"')


def counted(expr: str) -> str:
    """How many series; 0 for none, so that a number is shown."""
    return f"count({expr}) or vector(0)"


def worded(expr: str, label: str, word: str) -> str:
    """The same series, with a word where the label is empty."""
    return f'label_replace({expr}, "{label}", "{word}", "{label}", "")'


def of_any_kind(family: str) -> str:
    """A family of every kind, with the label `kind`; `{}` in its name stands for the kind."""
    kinds = [
        f'label_replace({FLEET.of(family.format(word))}, "kind", "{kind}", "", "")' for kind, word in KINDS.items()
    ]
    return f"max by (namespace, kind, name, uid) ({' or '.join(kinds)})"


def waiting_clusters(scope: Scope) -> str:
    """For how long clusters have been waiting for their pods, since their beginning or since they were resumed."""
    begun = scope.each(
        "kuberay_cluster_status_condition_transition_timestamp_seconds",
        where='condition="RayClusterSuspended", status="false"',
    )
    return (
        f"time() - {begun}"
        ' and on (namespace, uid) kuberay_cluster_status_condition{condition="RayClusterProvisioned", status!="true"}'
        " unless on (namespace, uid) namespace_uid:kuberay_cluster_at_rest:max"
    )


def running_jobs(scope: Scope) -> str:
    """For how long jobs have been running, the start of their cluster included."""
    return (
        f"time() - {scope.each('kuberay_job_start_timestamp_seconds')}"
        ' and on (namespace, uid) kuberay_job_deployment_status{deployment_status="Running"}'
    )


def unstarted_jobs(scope: Scope) -> str:
    """For how long jobs have been there that have not begun to run, by state."""
    state = scope.each(
        "kuberay_job_deployment_status",
        "deployment_status",
        where='deployment_status=~"|Initializing|Waiting|Retrying|Suspended"',
    )
    created = scope.of("kuberay_job_created_timestamp_seconds")
    state = worded(state, "deployment_status", "New")
    return f"{state} * on (namespace, uid) group_left () (time() - max by (namespace, uid) ({created}))"


def unready_services(scope: Scope) -> str:
    """For how long services have not been ready."""
    since = scope.each(
        "kuberay_service_status_condition_transition_timestamp_seconds", where='condition="Ready", status!="true"'
    )
    return f"time() - {since} unless on (namespace, uid) namespace_uid:kuberay_service_at_rest:max"
