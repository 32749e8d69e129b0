"""The exporter with the chart's ServiceAccount: it exports what its roles allow, and logs what they refuse."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.cluster import Account, Cluster
from tests.e2e.rays import API, KINDS, RAYJOB
from tests.e2e.releases import installed
from tests.e2e.scraping import DEADLINE_SECONDS, names, own, scrape, wait_until_connected
from tests.support.processes import Process, serving
from tests.support.watching import wait_until


@pytest.fixture
def populated(cluster: Cluster) -> Iterator[list[str]]:
    """Three namespaces with an object of each kind."""
    with ExitStack() as stack:
        namespaces = [stack.enter_context(cluster.namespace()) for _ in range(3)]
        for namespace in namespaces:
            for kind in KINDS:
                cluster.create(kind, namespace, "a")
        yield namespaces


def above_info(process: Process) -> list[tuple[str, str, str]]:
    """Return level, resource and message of the log lines above info."""
    return [(line["level"], line["resource"], line["msg"]) for line in process.lines if line["level"] != "info"]


def kubeconfig_of(account: Account, directory: Path) -> Path:
    return account.cluster.write_kubeconfig(directory, account.token("exporter"))


def test_default_install_sees_all_namespaces(
    cluster: Cluster, populated: list[str], namespace: str, tmp_path: Path
) -> None:
    """Without values; nothing is refused."""
    with (
        installed(cluster, {}, namespace) as release,
        serving(kubeconfig_of(release.account, tmp_path), *release.arguments) as process,
    ):
        wait_until_connected(process)
        body = scrape(process).body
        for kind in KINDS:
            assert [names(body, kind.info, each) for each in populated] == [{"a"}] * 3
        assert above_info(process) == []


def test_namespaced_install_needs_no_right_in_the_cluster(
    cluster: Cluster, populated: list[str], namespace: str, tmp_path: Path
) -> None:
    """Roles in the watched namespaces exist and are sufficient; there is no ClusterRole."""
    *watched, other = populated
    with installed(cluster, {"watchNamespaces": watched}, namespace) as release:
        assert release.rendered.of("ClusterRole", "ClusterRoleBinding") == []
        token = release.account.token("exporter")
        api = cluster.api.as_holder_of(token)
        assert api.get(f"{API}/rayjobs").status == 403
        assert api.get(f"{API}/namespaces/{other}/rayjobs").status == 403
        with serving(cluster.write_kubeconfig(tmp_path, token), *release.arguments) as process:
            wait_until_connected(process)
            body = scrape(process).body
            for kind in KINDS:
                assert [names(body, kind.info, each) for each in populated] == [{"a"}, {"a"}, set()]
            cluster.create(RAYJOB, watched[1], "b")
            wait_until(lambda: names(scrape(process).body, RAYJOB.info, watched[1]) == {"a", "b"}, "shown")
            assert above_info(process) == []


def test_role_allows_to_list_and_watch_and_nothing_else(cluster: Cluster, populated: list[str], namespace: str) -> None:
    """It may neither get an object, nor write, nor read other kinds."""
    with installed(cluster, {}, namespace) as release:
        api = cluster.api.as_holder_of(release.account.token("exporter"))
        path = f"{API}/namespaces/{populated[0]}/rayjobs"
        assert api.get(path).status == 200
        # RBAC knows no selectors: all pods, but not one of them by name.
        assert api.get("/api/v1/pods").status == 200
        refused = [
            api.get(f"{path}/a"),
            api.request("DELETE", f"{path}/a"),
            api.request("PATCH", f"{path}/a/status", {}, content_type="application/merge-patch+json"),
            api.get(f"{API}/raycronjobs"),
            api.get(f"/api/v1/namespaces/{namespace}/secrets"),
            api.get(f"/api/v1/namespaces/{namespace}/pods/a"),
            api.get("/api/v1/nodes"),
        ]
        assert [answer.status for answer in refused] == [403] * len(refused)


def test_a_kind_beyond_the_role_is_told_and_keeps_nothing_back(
    cluster: Cluster, populated: list[str], namespace: str, tmp_path: Path
) -> None:
    """One log line for any number of refusals; a new permission is used without a restart."""
    with (
        installed(cluster, {"collectors": ["rayjobs"]}, namespace) as release,
        serving(kubeconfig_of(release.account, tmp_path), "--collectors", "rayjobs,rayclusters") as process,
    ):
        wait_until_connected(process, "rayjobs")
        wait_until(lambda: own(process, "list_failures_total", "rayclusters") >= 3, "refused", DEADLINE_SECONDS, 0.1)
        body = scrape(process).body
        assert names(body, "kuberay_job_info", populated[0]) == {"a"}
        assert names(body, "kuberay_cluster_info", populated[0]) == set()
        ((level, resource, message),) = above_info(process)
        assert (level, resource) == ("error", "rayclusters")
        for part in ("403", release.account.user, 'cannot list resource "rayclusters" in API group "ray.io"'):
            assert part in message
        with installed(cluster, {}, namespace):
            wait_until_connected(process, "rayclusters")
        assert len(above_info(process)) == 1
        assert "list succeeded again" in process.messages
