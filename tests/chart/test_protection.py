"""TLS and authentication in the chart: what is switched on fits together, and what would not work is refused."""

from typing import Any

import pytest

from tests.support.helm_chart import refusal, template

TLS = {"webConfig": {"tlsSecret": "tls"}}
AUTH = {"metricsAuth": {"enabled": True}}
TOKEN = {"authorization": {"credentials": {"name": "prometheus", "key": "token"}}}


def container(values: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = template(values).one("Deployment")["spec"]["template"]["spec"]["containers"][0]
    return found


def probe_ports(values: dict[str, Any]) -> set[str]:
    found = container(values)
    return {found[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}


@pytest.mark.parametrize("web_config", [{"tlsSecret": "tls"}, {"secret": "web"}])
def test_probes_have_a_plain_port_of_their_own_with_a_web_configuration(web_config: dict[str, str]) -> None:
    """The kubelet has no certificate and no password."""
    values = {"webConfig": web_config}
    assert probe_ports(values) == {"probes"}
    assert "--health-probe-bind-address=:8081" in container(values)["args"]
    assert "--web-config-file=/etc/kuberay-exporter/web/web-config.yaml" in container(values)["args"]
    assert probe_ports(AUTH) == probe_ports({}) == {"metrics"}


def test_rights_for_reviews_are_only_there_with_authentication() -> None:
    """Also with Roles, as reviews belong to no namespace. Clients get a ClusterRole, bound to the named accounts."""
    assert "tokenreviews" not in template({}).text
    reader = {"name": "prometheus", "namespace": "monitoring"}
    secured = template({"metricsAuth": {"enabled": True, "readers": [reader]}, "watchNamespaces": ["team-a"]})
    roles = {role["metadata"]["name"].rpartition("kuberay-exporter-")[2]: role for role in secured.of("ClusterRole")}
    assert roles.keys() == {"token-reviews", "metrics-reader"}
    assert [rule["verbs"] for rule in roles["token-reviews"]["rules"]] == [["create"], ["create"]]
    assert roles["metrics-reader"]["rules"] == [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
    subjects = [binding["subjects"] for binding in secured.of("ClusterRoleBinding")]
    assert [{"kind": "ServiceAccount", **reader}] in subjects
    assert "tokenreviews" not in template(AUTH | {"rbac": {"create": False}}).text


@pytest.mark.parametrize(("kind", "name"), [("ServiceMonitor", "serviceMonitor"), ("PodMonitor", "podMonitor")])
def test_monitors_fit_what_is_switched_on(kind: str, name: str) -> None:
    spec = template(TLS | AUTH | {name: {"enabled": True, **TOKEN}}).one(kind)["spec"]
    (endpoint,) = spec.get("endpoints") or spec["podMetricsEndpoints"]
    assert endpoint["scheme"] == "https"
    assert endpoint["authorization"] == TOKEN["authorization"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"webConfig": {"tlsSecret": "a", "secret": "b"}},
            "webConfig.tlsSecret and webConfig.secret exclude each other",
        ),
        ({"metricsAuth": {"audiences": ["a"]}}, "have no effect without metricsAuth.enabled"),
        (AUTH | {"serviceMonitor": {"enabled": True}}, "without authorization of the ServiceMonitor, every scrape"),
        (TLS | {"podMonitor": {"enabled": True, "scheme": "http"}}, "the scheme of the PodMonitor has to be https"),
        (
            {"podMonitor": {"enabled": True, "basicAuth": {"username": {"name": "a", "key": "b"}}, **TOKEN}},
            "authorization and basicAuth of the PodMonitor exclude each other",
        ),
        ({"extraArgs": ["--metrics-auth=kubernetes"]}, "at '/extraArgs/0': "),
        ({"metricsAuth": {"enabled": True, "readers": [{"name": "a"}]}}, "at '/metricsAuth/readers/0': "),
    ],
)
def test_what_would_not_work_is_refused(values: dict[str, Any], message: str) -> None:
    assert message in refusal(values)
