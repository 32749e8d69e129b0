"""A real API server accepts the rendered chart: fields, names, references, and the restricted pod."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import yaml

from tests.e2e.api import Answer
from tests.e2e.cluster import Account, Cluster
from tests.e2e.rays import CHART_DEFINITIONS
from tests.e2e.releases import RESTRICTED, installed, render
from tests.support.helm_chart import value_sets
from tools.chart_goldens import MANIFESTS
from tools.stability import RELEASED


@pytest.fixture(scope="module", autouse=True)
def monitors(cluster: Cluster) -> Iterator[None]:
    """The kinds of operators and of the Gateway API: the cluster's own, or definitions that accept any fields."""
    with cluster.installed(CHART_DEFINITIONS):
        yield


@pytest.fixture
def restricted(cluster: Cluster) -> Iterator[str]:
    with cluster.namespace(RESTRICTED) as namespace:
        yield namespace


@pytest.fixture(params=value_sets())
def values(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[dict[str, Any]]:
    """Each documented set of values, with namespaces that exist instead of those that it names."""
    values = yaml.safe_load(value_sets()[request.param].read_text())
    with cluster.namespace() as one, cluster.namespace() as two:
        if "watchNamespaces" in values:
            values["watchNamespaces"] = [one, two]
        if "serviceMonitor" in values:
            values["serviceMonitor"]["namespace"] = one
        yield values


def try_pod(cluster: Cluster, namespace: str, template: dict[str, Any]) -> Answer:
    """Create the pod of a Deployment as a dry run, because the API server checks only pods."""
    pod = {"metadata": {"generateName": "pod-", "labels": template["metadata"]["labels"]}, "spec": template["spec"]}
    return cluster.api.request("POST", f"/api/v1/namespaces/{namespace}/pods", pod, dryRun="All")


def test_every_object_is_accepted(cluster: Cluster, restricted: str, values: dict[str, Any]) -> None:
    """In a dry run with the test's pod, and then applied, without warnings; a second apply changes nothing."""
    rendered = render(values, restricted)
    told = cluster.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=rendered.text)
    assert len(told.splitlines()) == len(rendered.objects)
    with installed(cluster, values, restricted) as release:
        assert cluster.kubectl("diff", "--server-side", "-f", "-", stdin=release.rendered.text) == ""


def test_rules_and_dashboards_are_accepted(cluster: Cluster, restricted: str) -> None:
    """The PrometheusRule, and dashboards that do not exceed the size of a ConfigMap."""
    values = {"prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}}
    with installed(cluster, values, restricted) as release:
        kinds = [obj["kind"] for obj in release.rendered.objects]
        there = cluster.kubectl("get", "prometheusrules,configmaps", "--namespace", restricted, "--output", "name")
        of_ours = [name for name in there.split() if "kube-root-ca" not in name]
        assert len(of_ours) == kinds.count("PrometheusRule") + kinds.count("ConfigMap")
        assert (kinds.count("PrometheusRule"), kinds.count("ConfigMap")) == (1, 6)
        assert cluster.kubectl("diff", "--server-side", "-f", "-", stdin=release.rendered.text) == ""


@pytest.mark.own_cluster
def test_plain_manifests_are_accepted(cluster: Cluster) -> None:
    """As documented, by `kubectl apply -k`, over those of the last release; and the pod, in the namespace of theirs."""
    try:
        cluster.kubectl("apply", "-f", str(MANIFESTS / "namespace.yaml"), "-f", str(RELEASED / "manifests.yaml"))
        told = cluster.kubectl("apply", "-k", str(MANIFESTS)).splitlines()
        assert len(told) == 6
        assert cluster.kubectl("diff", "-k", str(MANIFESTS)) == ""
        objects = yaml.safe_load_all((MANIFESTS / "kuberay-exporter.yaml").read_text())
        (deployment,) = [thing for thing in objects if thing["kind"] == "Deployment"]
        answer = try_pod(cluster, "monitoring", deployment["spec"]["template"])
        assert answer.status == 201, answer.body["message"]
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "--wait=false", "-k", str(MANIFESTS))


def test_pod_is_restricted(cluster: Cluster, restricted: str, values: dict[str, Any]) -> None:
    """Pod Security admission accepts it, and refuses a pod with more privileges."""
    with installed(cluster, values, restricted) as release:
        if "serviceAccount" in values and not values["serviceAccount"].get("create", True):
            Account(cluster, restricted, release.account.name).create()
        # Shards have one each.
        template = release.rendered.of("Deployment")[0]["spec"]["template"]
        answer = try_pod(cluster, restricted, template)
        assert answer.status == 201, answer.body["message"]
        less = deepcopy(template)
        less["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
        answer = try_pod(cluster, restricted, less)
        assert answer.status == 403
        assert 'violates PodSecurity "restricted' in answer.body["message"]


def test_an_upgrade_with_other_labels_is_accepted(cluster: Cluster, restricted: str) -> None:
    """The selector of a Deployment is immutable, so that no value may change it."""
    values = {"commonLabels": {"team": "a"}, "podLabels": {"tier": "b"}, "nameOverride": "other"}
    with installed(cluster, {}, restricted) as before, installed(cluster, values, restricted) as after:
        labels = [each.rendered.one("Deployment")["spec"]["template"]["metadata"]["labels"] for each in (before, after)]
        assert labels[1] == labels[0] | {"team": "a", "tier": "b"}
