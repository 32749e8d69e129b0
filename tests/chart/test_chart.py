"""The Helm chart, as helm renders it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.cli import serve_command
from tests.support.demo_process import demo
from tests.support.helm_chart import CHART, GOLDENS, NAMESPACE, RELEASE, Rendered, helm, refusal, template, value_sets
from tools.chart_goldens import MANIFESTS, manifests
from tools.rules import NINE
from tools.stability import RELEASED

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())

KINDS = ["rayclusters", "rayjobs", "rayservices", "events", "pods"]
CORE = ["events", "pods"]

ANY_HOST = {"enabled": True, "hosts": [{"paths": [{"path": "/", "pathType": "Prefix"}]}]}
A_GATEWAY = {"enabled": True, "parentRefs": [{"name": "public"}]}

RBAC = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


@pytest.fixture(scope="module")
def default() -> Rendered:
    return template({})


@pytest.mark.parametrize("name", value_sets())
def test_renders_its_golden(name: str) -> None:
    """If it fails, run `make chart-golden` and review the changes."""
    assert template(value_sets()[name]).text == (GOLDENS / f"{name}.yaml").read_text()


@pytest.mark.parametrize("values", sorted(RELEASED.glob("values/*.yaml")), ids=lambda path: path.stem)
def test_values_of_the_last_release_still_render(values: Path) -> None:
    """`helm upgrade --reuse-values`: the schema refuses no value, and no selector has changed, which cannot be."""
    rendered = template(values)
    released = next(
        thing
        for thing in yaml.safe_load_all((RELEASED / "manifests.yaml").read_text())
        if thing["kind"] == "Deployment"
    )
    assert rendered.one("Deployment")["spec"]["selector"] == released["spec"]["selector"]


def test_plain_manifests_are_those_of_the_chart() -> None:
    """If it fails, run `make manifests` and review the changes."""
    assert (MANIFESTS / "kuberay-exporter.yaml").read_text() == manifests()


def test_plain_manifests_can_be_a_base(tmp_path: Path) -> None:
    """Namespace and image are changed in every place, as deploy/kubernetes/kustomization.yaml says."""
    shutil.copytree(MANIFESTS, tmp_path / "base")
    image = {"name": "kuberay-exporter", "newName": "registry.example.com/exporter", "newTag": "9"}
    overlay = {"resources": ["base"], "namespace": "observability", "images": [image]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    command = [os.environ["KUSTOMIZE"], "build", str(tmp_path)]
    objects = list(yaml.safe_load_all(subprocess.check_output(command, text=True, timeout=60)))
    deployment = next(thing for thing in objects if thing["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.com/exporter:9"
    binding = next(thing for thing in objects if thing["kind"] == "ClusterRoleBinding")
    assert [subject["namespace"] for subject in binding["subjects"]] == ["observability"]
    namespaces = {thing["metadata"].get("namespace", "observability") for thing in objects}
    assert namespaces == {"observability"}
    assert "Helm" not in str(objects)


def test_every_golden_has_its_values() -> None:
    """No golden remains from a set of values that was removed."""
    assert {path.stem for path in GOLDENS.glob("*.yaml")} == set(value_sets())


@pytest.mark.parametrize("name", value_sets())
def test_passes_lint(name: str) -> None:
    """Warnings are failures."""
    result = helm("lint", "--strict", CHART, "--values", value_sets()[name])
    assert result.returncode == 0, result.stdout


def objects_with_fixed_keys(values: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of objects in values.yaml whose keys are fixed by the chart or by Kubernetes."""
    # A parent chart passes its global values to every subchart.
    if path != ("global",):
        yield path
    for key, value in values.items():
        if isinstance(value, dict) and value and path != ("resources",) and key != "labels":
            yield from objects_with_fixed_keys(value, (*path, key))


def test_misspelt_keys_are_named() -> None:
    """At every level of the values."""
    misspelt: dict[str, Any] = {}
    paths = list(objects_with_fixed_keys(VALUES))
    for path in paths:
        place = misspelt
        for key in path:
            place = place.setdefault(key, {})
        place["intervall"] = "1"
    errors = refusal(misspelt)
    for path in paths:
        assert f"at '{''.join(f'/{key}' for key in path)}': additional properties 'intervall' not allowed" in errors


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"replicas": 2}, "/replicas"),
        ({"shards": 0}, "/shards"),
        ({"extraArgs": ["--total-shards=2"]}, "/extraArgs/0"),
        ({"collectors": []}, "/collectors"),
        ({"collectors": ["rayclusters", "raycluster"]}, "/collectors/1"),
        ({"watchNamespaces": ["Team_A"]}, "/watchNamespaces/0"),
        ({"extraArgs": ["--collectors=rayjobs"]}, "/extraArgs/0"),
        ({"extraArgs": ["--watch-namespace", "a"]}, "/extraArgs/0"),
        ({"extraArgs": ["--log-events"]}, "/extraArgs/0"),
        ({"extraArgs": ["--no-log-events"]}, "/extraArgs/0"),
        ({"extraArgs": ["--log-jobs"]}, "/extraArgs/0"),
        ({"extraArgs": ["--web-link-history=https://a"]}, "/extraArgs/0"),
        ({"extraArgs": ["--no-web-ui"]}, "/extraArgs/0"),
        ({"webMaxRequests": 0}, "/webMaxRequests"),
        ({"metricLabelsAllowlist": {"rayjob": ["team"]}}, "/metricLabelsAllowlist"),
        ({"metricLabelsAllowlist": {"rayjobs": ["team,owner"]}}, "/metricLabelsAllowlist/rayjobs/0"),
        ({"metricDenylist": ["a,b"]}, "/metricDenylist/0"),
        ({"objectSeriesLimit": 100_001}, "/objectSeriesLimit"),
        ({"extraContainers": [{"name": "proxy"}]}, "/extraContainers/0"),
        ({"extraObjects": [{"kind": "ConfigMap"}]}, "/extraObjects/0"),
        ({"imagePullSecrets": ["registry"]}, "/imagePullSecrets/0"),
        ({"namespaceOverride": "Team_A"}, "/namespaceOverride"),
        ({"podDisruptionBudget": {"maxUnavailable": 2}}, "/podDisruptionBudget/maxUnavailable"),
        ({"verticalPodAutoscaler": {"updateMode": "off"}}, "/verticalPodAutoscaler/updateMode"),
        ({"serviceMonitor": {"bodySizeLimit": "64 MB"}}, "/serviceMonitor/bodySizeLimit"),
        ({"serviceMonitor": {"tlsConfig": {"insecureSkipverify": True}}}, "/serviceMonitor/tlsConfig"),
        ({"podMonitor": {"targetLabels": ["team"]}}, "/podMonitor"),
        ({"image": {"pullSecrets": []}}, "/image"),
        ({"image": {"digest": "latest"}}, "/image/digest"),
        ({"podMonitor": {"interval": "30"}}, "/podMonitor/interval"),
        ({"tolerations": [{"opperator": "Exists"}]}, "/tolerations/0"),
        ({"env": [{"value": "nameless"}]}, "/env/0"),
        ({"ingress": {"hosts": [{"host": "a.example.com"}]}}, "/ingress/hosts/0"),
        (
            {"ingress": {"hosts": [{"paths": [{"path": "/", "pathType": "prefix"}]}]}},
            "/ingress/hosts/0/paths/0/pathType",
        ),
        ({"httpRoute": {"parentRefs": [{"namespace": "gateways"}]}}, "/httpRoute/parentRefs/0"),
        ({"podLabels": {"number": 1}}, "/podLabels/number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_values_are_named(values: dict[str, Any], place: str) -> None:
    """With their path, before anything is installed."""
    assert f"at '{place}': " in refusal(values)


def test_two_monitors_exclude_each_other() -> None:
    """The message names both values and the reason."""
    message = refusal({"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}})
    assert "serviceMonitor.enabled and podMonitor.enabled exclude each other" in message
    assert "counted twice" in message


def test_an_account_that_is_not_made_must_be_named() -> None:
    """The chart never uses the namespace's default account."""
    assert "serviceAccount.name" in refusal({"serviceAccount": {"create": False}})


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"metricAllowlist": ["a"], "metricDenylist": ["b"]}, "metricAllowlist and metricDenylist exclude each other"),
        ({"metrics": "nine", "metricDenylist": ["a"]}, "metricDenylist and metrics: nine exclude each other"),
        ({"metrics": "nine", "collectors": ["pods"]}, "metrics: nine needs rayclusters, rayjobs or rayservices"),
        ({"metrics": "nine", "logEvents": True}, "or metrics is nine"),
        ({"metricLabelsAllowlist": {"raycronjobs": ["team"]}}, "collectors does not have raycronjobs"),
        ({"logEvents": True, "collectors": ["rayjobs", "pods"]}, "collectors does not have events"),
        ({"logJobs": True, "collectors": ["rayclusters"]}, "collectors does not have rayjobs"),
        ({"ui": {"enabled": False, "clusterName": "a"}}, "ui.clusterName and ui.links have no effect"),
        ({"ui": {"enabled": False, "links": {"grafana": "https://a"}}}, "ui.clusterName and ui.links have no effect"),
        ({"ui": {"enabled": False}, "ingress": ANY_HOST}, "which needs ui.enabled"),
        ({"ui": {"enabled": False}, "httpRoute": A_GATEWAY}, "which needs ui.enabled"),
        ({"shards": 2, "ingress": ANY_HOST}, "ingress and httpRoute need shards: 1"),
        ({"ingress": {"enabled": True}}, "ingress.enabled needs ingress.hosts"),
        ({"httpRoute": {"enabled": True}}, "httpRoute.enabled needs httpRoute.parentRefs"),
        ({"serviceMonitor": {"enabled": True, "tlsConfig": {"insecureSkipVerify": True}}}, "without the scheme https"),
        ({"prometheusRule": {"enabled": True, "objectLabels": ["label_team"]}}, "metricLabelsAllowlist"),
        ({"serviceAccount": {"create": False, "name": "a", "annotations": {"b": "c"}}}, "serviceAccount.annotations"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_values_without_an_effect_are_refused(values: dict[str, Any], reason: str) -> None:
    """With the reason."""
    assert reason in refusal(values)


@pytest.mark.parametrize(
    "values", [{"metricAllowlist": ["^kuberay_(cluster|job)_"]}, {"metricDenylist": ["^kuberay_service_"]}]
)
def test_lists_that_silence_alerts_are_refused_with_their_names(values: dict[str, Any]) -> None:
    """Until these alerts are disabled."""
    rules = {"enabled": True}
    message = refusal({**values, "prometheusRule": rules})
    assert "RayServiceNotReady (needs kuberay_service_status_condition_transition_timestamp_seconds)" in message
    assert "RayJobStuckInitializing" not in message
    silent = re.findall(r"(\w+) \(needs ", message)
    assert template({**values, "prometheusRule": {**rules, "disabled": silent}}).of("PrometheusRule")


def test_an_allowlist_that_empties_dashboards_is_refused_with_their_names() -> None:
    """With the metrics that their panels need."""
    message = refusal({"metricAllowlist": ["^kuberay_exporter_"], "dashboards": {"enabled": True}})
    assert "KubeRay / Nine (needs kuberay_cluster_condition_provisioned, " in message


def test_the_nine_have_rules_a_dashboard_and_permissions_of_their_own() -> None:
    """The flag, the kinds that have some of the nine, and nothing that needs another metric."""
    rendered = template({"metrics": "nine", "prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}})
    assert rendered.flags["--metrics"] == "nine"
    assert rendered.flags["--collectors"] == "rayclusters,rayjobs,rayservices"
    assert rendered.one("Pod")["spec"]["containers"][0]["args"][-1] == "rayclusters,rayjobs,rayservices"
    (rule,) = rendered.one("ClusterRole")["rules"]
    assert rule["resources"] == ["rayclusters", "rayjobs", "rayservices"]
    assert rendered.one("PrometheusRule")["spec"] == yaml.safe_load(NINE.read_text())
    (board,) = [thing for thing in rendered.of("ConfigMap") if "dashboard" in thing["metadata"]["name"]]
    assert list(board["data"]) == ["kuberay-nine.json"]


def test_lists_and_maps_become_flags() -> None:
    """The exporter's command line parses them: no comma has to be escaped."""
    rendered = template(
        {
            "metricAllowlist": ["^kuberay_job_", "a{1,2}"],
            "metricLabelsAllowlist": {"rayjobs": ["team", "kueue.x-k8s.io/queue-name"], "*": ["*"]},
            "objectSeriesLimit": 100_000,
        }
    )
    command, *flags = rendered.container["args"]
    params = serve_command.make_context(command, flags).params
    assert [pattern.pattern for pattern in params["metric_allowlist"]] == ["^kuberay_job_", "a{1,2}"]
    assert rendered.flags["--metric-labels-allowlist"] == "*=[*],rayjobs=[team,kueue.x-k8s.io/queue-name]"
    assert params["object_series_limit"] == 100_000


def test_denied_families_become_a_flag() -> None:
    """Joined with commas."""
    assert template({"metricDenylist": ["^a", "b$"]}).flags["--metric-denylist"] == "^a,b$"


def test_events_are_logged_only_on_request() -> None:
    """The flag needs the collector."""
    args = [template({"collectors": ["events"], "logEvents": on}).container["args"] for on in (False, True)]
    assert ["--log-events" in each for each in args] == [False, True]


def test_another_namespace_is_that_of_every_object() -> None:
    """Also of bindings' subjects; a ServiceMonitor selects the Service in it."""
    values = {"namespaceOverride": "metrics", "serviceMonitor": {"enabled": True}, "networkPolicy": {"enabled": True}}
    more = {"prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}}
    rendered = template(values | more)
    assert {thing["metadata"].get("namespace") for thing in rendered.objects} == {"metrics", None}
    assert rendered.one("ClusterRoleBinding")["subjects"][0]["namespace"] == "metrics"
    assert rendered.one("ServiceMonitor")["spec"]["namespaceSelector"] == {"matchNames": ["metrics"]}
    assert f"namespace: {NAMESPACE}" not in rendered.text


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({}, "kuberay-exporter:0.1.0"),
        ({"image": {"registry": "example.com:5000/"}}, "example.com:5000/kuberay-exporter:0.1.0"),
        ({"image": {"registry": "a.io"}, "global": {"imageRegistry": "b.io"}}, "b.io/kuberay-exporter:0.1.0"),
        ({"image": {"tag": "1", "digest": f"sha256:{'0' * 64}"}}, f"kuberay-exporter:1@sha256:{'0' * 64}"),
        ({"image": {"digest": f"sha256:{'0' * 64}"}}, f"kuberay-exporter@sha256:{'0' * 64}"),
    ],
    ids=["default", "registry", "global", "tag-and-digest", "digest"],
)
def test_image_is_that_of_the_values(values: dict[str, Any], image: str) -> None:
    """In the exporter's pod and in the test's."""
    rendered = template(values)
    assert rendered.container["image"] == image
    assert rendered.one("Pod")["spec"]["containers"][0]["image"] == image


def test_pull_secrets_are_those_of_the_release_and_of_all_charts() -> None:
    """Each once, in both pods."""
    values = {"imagePullSecrets": [{"name": "a"}], "global": {"imagePullSecrets": ["b", {"name": "a"}, {"name": "c"}]}}
    rendered = template(values)
    for pod in (rendered.pod, rendered.one("Pod")["spec"]):
        assert pod["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}, {"name": "c"}]
    assert "imagePullSecrets" not in template({}).pod


@pytest.mark.parametrize(
    ("collectors", "core"), [(["events", "pods"], ["events", "pods"]), (["rayjobs", "events"], ["events"])]
)
def test_events_and_pods_are_in_the_core_group(collectors: list[str], core: list[str]) -> None:
    """Their rule exists only if they are exported, and so does that of Ray's kinds."""
    rules = {rule["apiGroups"][0]: rule for rule in template({"collectors": collectors}).one("ClusterRole")["rules"]}
    assert rules[""] == {"apiGroups": [""], "resources": core, "verbs": ["list", "watch"]}
    assert ("ray.io" in rules) is ("rayjobs" in collectors)


def test_limits_of_a_monitor_are_in_both_kinds() -> None:
    """A limit of 0 is none."""
    limits = {"sampleLimit": 2_000_000, "targetLimit": 2, "labelLimit": 3, "labelNameLengthLimit": 4}
    limits |= {"labelValueLengthLimit": 5}
    more = {"annotations": {"a": "b"}, "podTargetLabels": ["team"], "bodySizeLimit": "64MB", "scheme": "https"}
    for kind, key, endpoints in (
        ("ServiceMonitor", "serviceMonitor", "endpoints"),
        ("PodMonitor", "podMonitor", "podMetricsEndpoints"),
    ):
        tls = {"tlsConfig": {"serverName": "exporter"}, "proxyUrl": "http://proxy:3128"}
        monitor = template({key: {"enabled": True, **limits, **more, **tls}}).one(kind)
        assert monitor["metadata"]["annotations"] == {"a": "b"}
        assert monitor["spec"].items() >= (limits | {"podTargetLabels": ["team"], "bodySizeLimit": "64MB"}).items()
        assert monitor["spec"][endpoints][0].items() >= ({"scheme": "https"} | tls).items()


@pytest.mark.parametrize(
    "collectors",
    [KINDS, KINDS[:3], ["rayjobs"], ["raycronjobs", "rayservices"], ["rayjobs", "workloads"]],
    ids="+".join,
)
@pytest.mark.parametrize("namespaces", [[], ["team-a", "team-b"]], ids=["everywhere", "namespaced"])
def test_rights_are_what_the_flags_need(collectors: list[str], namespaces: list[str]) -> None:
    """`list` and `watch` of the collectors' kinds, in the namespaces that are watched, and nothing else."""
    rendered = template({"collectors": collectors, "watchNamespaces": namespaces})
    roles = rendered.of("Role", "ClusterRole")
    assert rendered.flags["--collectors"].split(",") == collectors
    for role in roles:
        of_groups = {
            "": CORE if CORE[0] in collectors else [],
            "kueue.x-k8s.io": [kind for kind in collectors if kind == "workloads"],
            "ray.io": [kind for kind in collectors if "ray" in kind],
        }
        assert role["rules"] == [
            {"apiGroups": [group], "resources": kinds, "verbs": ["list", "watch"]}
            for group, kinds in of_groups.items()
            if kinds
        ]
    if namespaces:
        assert [role["metadata"]["namespace"] for role in roles] == namespaces
        assert rendered.flags["--watch-namespace"].split(",") == namespaces
    else:
        assert len(roles) == 1
        assert "--watch-namespace" not in rendered.flags


def test_bindings_are_for_the_pods_account() -> None:
    """They have the name and namespace of the pod's ServiceAccount."""
    for values in ({}, {"watchNamespaces": ["team-a"]}, {"serviceAccount": {"create": False, "name": "mine"}}):
        rendered = template(values)
        for binding in rendered.of("RoleBinding", "ClusterRoleBinding"):
            account = {"kind": "ServiceAccount", "name": rendered.pod["serviceAccountName"], "namespace": NAMESPACE}
            assert binding["subjects"] == [account]
            assert binding["roleRef"]["kind"] == binding["kind"].removesuffix("Binding")
            assert binding["roleRef"]["name"] == binding["metadata"]["name"]


@pytest.mark.parametrize("name", value_sets())
def test_namespaced_installs_have_no_cluster_wide_object(name: str) -> None:
    """Other installations have only ClusterRoles and their bindings."""
    values = yaml.safe_load(value_sets()[name].read_text())
    has_cluster_role = values.get("rbac", {}).get("create", True) and not values.get("watchNamespaces")
    objects = template(value_sets()[name]).objects
    cluster_wide = [thing["kind"] for thing in objects if "namespace" not in thing["metadata"]]
    # Reviews of tokens belong to no namespace.
    count = has_cluster_role + 2 * values.get("metricsAuth", {}).get("enabled", False)
    assert sorted(cluster_wide) == ["ClusterRole"] * count + ["ClusterRoleBinding"] * count


def test_selectors_depend_on_no_value() -> None:
    """The selector of a Deployment is immutable: an upgrade with other labels or names must keep it."""
    expected = {"app.kubernetes.io/name": "kuberay-exporter", "app.kubernetes.io/instance": RELEASE}
    for name, values in value_sets().items():
        rendered = template(values)
        for shard, deployment in enumerate(rendered.of("Deployment")):
            component = {"app.kubernetes.io/component": f"shard-{shard}"} if name == "shards" else {}
            labels = deployment["spec"]["template"]["metadata"]["labels"]
            assert deployment["spec"]["selector"]["matchLabels"] == expected | component, name
            assert labels.items() >= (expected | component).items(), name
        assert rendered.one("Service")["spec"]["selector"] == expected, name
        for monitor in rendered.of("ServiceMonitor", "PodMonitor"):
            assert monitor["spec"]["selector"]["matchLabels"] == expected, name


def test_pods_of_a_shard_belong_to_one_deployment_and_all_to_the_service() -> None:
    """Each shard is there once, also with labels of the user's own and with a long name."""
    clash = {"app.kubernetes.io/component": "metrics"}
    rendered = template({"shards": 3, "fullnameOverride": "x" * 63, "commonLabels": clash, "podLabels": clash})
    deployments = rendered.of("Deployment")
    assert [one["metadata"]["name"] for one in deployments] == [f"{'x' * 59}-{shard}" for shard in range(3)]
    for shard, deployment in enumerate(deployments):
        pod = deployment["spec"]["template"]
        labels = pod["metadata"]["labels"].items()
        assert {"--total-shards=3", f"--shard={shard}"} <= set(pod["spec"]["containers"][0]["args"])
        selectors = [one["spec"]["selector"]["matchLabels"].items() <= labels for one in deployments]
        assert selectors == [one is deployment for one in deployments]
        assert rendered.one("Service")["spec"]["selector"].items() <= labels


def test_monitors_honor_labels_and_find_the_port() -> None:
    """A ServiceMonitor uses the Service's port, a PodMonitor the container's."""
    for kind, key, endpoints in (
        ("ServiceMonitor", "serviceMonitor", "endpoints"),
        ("PodMonitor", "podMonitor", "podMetricsEndpoints"),
    ):
        rendered = template({key: {"enabled": True}})
        (endpoint,) = rendered.one(kind)["spec"][endpoints]
        assert endpoint == {"port": "metrics", "path": "/metrics", "honorLabels": True, "interval": "30s"}
        assert [port["name"] for port in rendered.container["ports"]] == ["metrics"]
        assert [port["name"] for port in rendered.one("Service")["spec"]["ports"]] == ["metrics"]
        assert not rendered.of({"ServiceMonitor": "PodMonitor", "PodMonitor": "ServiceMonitor"}[kind])


@pytest.mark.parametrize("name", value_sets())
def test_pods_are_restricted(name: str) -> None:
    """They have every field that the restricted Pod Security Standard requires; so has the test pod."""
    rendered = template(value_sets()[name])
    for pod in (rendered.pod, rendered.one("Pod")["spec"]):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"].get("runAsUser") == (None if name == "openshift" else 65534)
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]
        assert pod["enableServiceLinks"] is False
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}


@pytest.mark.parametrize("name", value_sets())
def test_exporter_takes_the_flags_of_the_chart(name: str) -> None:
    """Its command line parses them, and its default port is the container's."""
    rendered = template(value_sets()[name])
    command, *flags = rendered.container["args"]
    params = serve_command.make_context(command, flags).params
    assert list(params["collectors"]) == yaml.safe_load(value_sets()[name].read_text()).get("collectors", KINDS)
    assert params["metrics_address"].port == rendered.container["ports"][0]["containerPort"]
    if name == "everything":
        assert (params["log_events"], params["log_jobs"]) == (True, True)
        assert params["web_link_history"] == "https://logs.example.com/{namespace}/{cluster}"
        assert (params["object_series_limit"], params["max_requests"]) == (5000, 10)


def test_only_readiness_asks_for_the_first_list(default: Rendered) -> None:
    """Liveness does not depend on the API server: an outage there must not restart the exporter."""
    paths = {
        probe: (default.container[probe]["httpGet"]["path"], default.container[probe]["httpGet"]["port"])
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert paths == {
        "startupProbe": ("/healthz", "metrics"),
        "livenessProbe": ("/healthz", "metrics"),
        "readinessProbe": ("/readyz", "metrics"),
    }


def test_network_policy_lets_prometheus_and_the_test_pod_in() -> None:
    """It has no rule for the exporter's own connections."""
    rendered = template(value_sets()["prometheus-operator"])
    policy = rendered.one("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    (rule,) = policy["ingress"]
    assert rule["ports"] == [{"port": "metrics", "protocol": "TCP"}]
    prometheus, test_pod = rule["from"]
    assert prometheus["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "prometheus"}
    labels = rendered.one("Pod")["metadata"]["labels"]
    assert labels.items() >= test_pod["podSelector"]["matchLabels"].items()


def test_the_test_pod_is_no_target(default: Rendered) -> None:
    """Neither the Service nor the policy selects it."""
    labels = default.one("Pod")["metadata"]["labels"]
    assert not labels.items() >= default.one("Service")["spec"]["selector"].items()


def test_the_page_is_published_by_an_ingress_and_a_route_to_the_service() -> None:
    """Each to a port that the Service has; a host is optional."""
    rendered = template({"service": {"port": 9100}, "ingress": ANY_HOST, "httpRoute": A_GATEWAY})
    (rule,) = rendered.one("Ingress")["spec"]["rules"]
    assert "host" not in rule
    service = rendered.one("Service")
    (port,) = service["spec"]["ports"]
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"] == {"name": service["metadata"]["name"], "port": {"name": port["name"]}}
    (rule,) = rendered.one("HTTPRoute")["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": service["metadata"]["name"], "port": port["port"]}]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]


@pytest.mark.parametrize(
    ("values", "is_warned"),
    [
        ({}, True),
        ({"webConfig": {"tlsSecret": "tls"}}, True),
        ({"webConfig": {"secret": "web"}}, False),
        ({"metricsAuth": {"enabled": True}}, False),
    ],
)
def test_notes_warn_of_a_page_that_everybody_can_read(values: dict[str, Any], is_warned: bool, tmp_path: Path) -> None:
    """TLS without users does not protect it."""
    text = notes({"ingress": ANY_HOST} | values, tmp_path)
    assert "The Ingress kuberay-exporter publishes the page" in text
    assert "HTTPRoute" not in text
    assert ("WARNING: the exporter asks for no user" in text) is is_warned


def test_works_as_a_subchart(tmp_path: Path) -> None:
    """A parent chart's condition and global values are accepted."""
    (tmp_path / "charts").mkdir()
    shutil.copytree(CHART, tmp_path / "charts" / "kuberay-exporter")
    chart: dict[str, Any] = {"apiVersion": "v2", "name": "parent", "version": "1.0.0"}
    chart["dependencies"] = [{"name": "kuberay-exporter", "version": "*", "condition": "kuberay-exporter.enabled"}]
    (tmp_path / "Chart.yaml").write_text(yaml.safe_dump(chart))
    ours = {"enabled": True, "collectors": ["rayjobs"]}
    values = {"global": {"registry": "example.com", "imageRegistry": "example.org"}, "kuberay-exporter": ours}
    rendered = template(values, chart=tmp_path)
    assert rendered.flags["--collectors"] == "rayjobs"
    assert rendered.container["image"].startswith("example.org/")
    ours["enabled"] = False
    assert template(values, chart=tmp_path).objects == []


def notes(values: dict[str, Any], folder: Path) -> str:
    """Return NOTES.txt as `helm install` prints it, without a cluster."""
    chart = folder / "chart"
    shutil.copytree(CHART, chart)
    (chart / "files" / "NOTES.txt").write_text((chart / "templates" / "NOTES.txt").read_text())
    shutil.rmtree(chart / "templates" / "tests")
    (chart / "templates" / "notes.yaml").write_text(
        'kind: Notes\ntext: {{ tpl (.Files.Get "files/NOTES.txt") . | toJson }}\n'
    )
    return str(template(values, chart=chart).one("Notes")["text"])


@pytest.mark.parametrize("key", ["serviceMonitor", "podMonitor"])
def test_notes_say_how_to_see_the_first_metric_and_why_there_is_none(key: str, tmp_path: Path) -> None:
    """The two usual causes: a label that Prometheus selects by, and an overridden honorLabels."""
    text = notes({key: {"enabled": True, "namespace": "prometheus"}, "service": {"port": 9100}}, tmp_path)
    assert "kubectl -n monitoring port-forward service/kuberay-exporter 8080:9100" in text
    assert f"kubectl -n prometheus get {key.lower()} kuberay-exporter --show-labels" in text
    assert f".spec.{key}Selector" in text
    assert f"{key}.additionalLabels" in text
    assert "overrideHonorLabels" in text
    assert f"{key}.metricRelabelings" in text


def test_notes_without_a_monitor_say_that_nothing_scrapes(tmp_path: Path) -> None:
    """They name the values for a monitor."""
    text = notes({"watchNamespaces": ["team-a"], "replicas": 0}, tmp_path)
    assert "in team-a." in text
    assert "It does not run: replicas is 0." in text
    assert "serviceMonitor.enabled or podMonitor.enabled" in text
    assert "honor_labels: true" in text


def test_notes_name_the_deployment_of_a_shard(tmp_path: Path) -> None:
    """The Service would lead to any of them."""
    text = notes({"shards": 3}, tmp_path)
    assert "3 exporters share the namespaces" in text
    assert "port-forward deployment/kuberay-exporter-0 8080 &" in text


@pytest.fixture(scope="module")
def exporter_url() -> Iterator[str]:
    """The demo, with the chart's kinds."""
    with demo(f"--collectors={','.join(KINDS)}") as url:
        yield url


def helm_test(rendered: Rendered, url: str, kinds: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Run the test pod's program with another address."""
    (container,) = rendered.one("Pod")["spec"]["containers"]
    assert container["command"] == ["python3", "-c"]
    program, address, of_chart = container["args"]
    assert address == "http://kuberay-exporter:8080/metrics"
    return subprocess.run(
        [sys.executable, "-c", program, url, kinds or of_chart], capture_output=True, text=True, timeout=120
    )


def test_helm_test_passes_where_there_are_metrics(default: Rendered, exporter_url: str) -> None:
    """It prints the number of objects of each kind."""
    result = helm_test(default, exporter_url)
    assert result.returncode == 0, result.stderr
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == KINDS
    assert all(line.endswith("objects, listed") for line in result.stdout.splitlines())


@pytest.mark.parametrize(
    ("watched", "printed"),
    [((), "rayjobs: "), (("--watch-namespace", "default"), "a shard without any of the watched namespaces")],
    ids=["all", "without namespaces"],
)
def test_helm_test_passes_for_any_shard(default: Rendered, watched: tuple[str, ...], printed: str) -> None:
    """The Service leads to one of them."""
    with demo("--objects=5", f"--collectors={','.join(KINDS)}", "--shard=0", "--total-shards=2", *watched) as url:
        result = helm_test(default, url)
    assert result.returncode == 0, result.stderr
    assert printed in result.stdout


def test_helm_test_fails_where_a_kind_is_missing(default: Rendered, exporter_url: str) -> None:
    """The exporter has other collectors than the values of the chart."""
    result = helm_test(default, exporter_url, kinds="rayclusters,raycronjobs")
    assert result.returncode == 1
    assert "raycronjobs" in result.stderr


def test_packaged_chart_is_complete(tmp_path: Path) -> None:
    """The archive of `helm package` renders like the folder, and has no values for tests."""
    assert helm("package", CHART, "--destination", tmp_path).returncode == 0
    (archive,) = tmp_path.iterdir()
    assert template({}, chart=archive).text == (GOLDENS / "default.yaml").read_text()
    listed = subprocess.run(["tar", "-tf", os.fspath(archive)], capture_output=True, text=True, check=True).stdout
    assert "kuberay-exporter/values.schema.json" in listed
    assert "/ci/" not in listed
