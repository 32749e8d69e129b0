"""The page at `/` as a client receives it: headers, escaping, filters, orders, freshness, open rows."""

import hashlib
import re
import time
from base64 import b64encode
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from starlette.testclient import TestClient

from exporter.diagnosis.related import Known
from tests.browser.scene import HOSTILE, condition, event, hostile, scene
from tests.support.shown_fleet import ShownFleet, ago, item, job, many

KINDS = ("RayJob", "RayCluster", "RayService", "RayCronJob")


class Elements(HTMLParser):
    """All elements of a page by tag, with their attributes, and its text without scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, Any]]] = []
        self.text = ""
        self._tag = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self._tag = "" if tag == self._tag else self._tag

    def handle_data(self, data: str) -> None:
        self.text += data if self._tag not in ("script", "style") else ""

    def all(self, tag: str) -> list[dict[str, Any]]:
        return [attributes for name, attributes in self.found if name == tag]


def client(*items: Any, **settings: Any) -> TestClient:
    return TestClient(ShownFleet(*items, **settings).application())


def rows(page: str) -> list[str]:
    """Return the names of the objects of a page, in its order."""
    return re.findall(r'aria-expanded="\w+">(.*?)</a>', page)


def names(web: TestClient, **parameters: str) -> list[str]:
    return rows(web.get("/", params=parameters).text)


def queries(page: str) -> list[dict[str, list[str]]]:
    links = [link["href"] for link in Elements(page).all("a")]
    return [parse_qs(href[1:]) for href in links if href.startswith("?")]


def test_nothing_but_its_own_script_and_style_is_allowed() -> None:
    """Their hashes are those of what is in the page; nothing inline has an effect besides, nothing is loaded."""
    answer = client().get("/")
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (text,) = re.findall(f"<{tag}[^>]*>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["trusted-types"] == "page"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    attributes = {name for _, attributes in Elements(answer.text).found for name in attributes}
    assert not {name for name in attributes if name.startswith("on") or name in ("style", "src")}


def test_parts_are_those_of_the_page() -> None:
    """The script gets what is in the document, without head, style and script."""
    web = TestClient(scene().application())
    page, part = web.get("/?kind=RayJob").text, web.get("/?kind=RayJob&part=1").text
    assert part.startswith('<div id="parts">')
    assert rows(part) == rows(page)
    assert "<script" not in part
    assert len(part) < len(page)


def test_an_unchanged_page_is_304() -> None:
    """Also if it was sent compressed."""
    page = client(job("one", "Running"))
    answer = page.get("/", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Cache-Control"] == "no-cache"
    again = page.get("/", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = page.get("/", headers={"Accept-Encoding": "identity"})
    assert plain.text == answer.text
    assert "Content-Encoding" not in plain.headers
    head = page.head("/", headers={"Accept-Encoding": "identity"})
    assert head.headers["Content-Length"] == plain.headers["Content-Length"]
    assert page.get("/?q=x", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 200


def test_10000_objects_are_shown_in_parts() -> None:
    """`benchmarks/page.py` measures what they cost."""
    with TestClient(ShownFleet(*many(10_000)).application()) as web:
        assert "1 to 100 of 9,901 rows with 10,000 objects" in web.get("/?kind=RayJob").text


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_other_programs_stay_text(text: str) -> None:
    """In every field, in open rows, in the address, and in the name of the cluster."""
    web = TestClient(hostile(text).application())
    opened = [("open", f"{kind}/{text}/{text}") for kind in KINDS]
    # And filters, which all are written into links and fields; the search shows the objects, and all together none.
    names = ("q", "namespace", "state", "cause", "label", "sort", "kind")
    filters: list[list[tuple[str, str]]] = [[], [("q", text)], [(name, text) for name in names]]
    for filter_ in filters:
        answer = web.get("/?" + urlencode([*opened, *filter_]))
        assert answer.status_code == 200
        elements = Elements(answer.text)
        assert len(elements.all("script")) == 1
        assert [tag for tag, _ in elements.found if tag in ("img", "iframe", "textarea")] == []
        attributes = {name for _, given in elements.found for name in given}
        assert not {name for name in attributes if name.startswith("on") or name in ("style", "src", "autofocus")}
        schemes = {link["href"].split(":")[0] for link in elements.all("a") if ":" in link["href"].split("?")[0]}
        assert schemes <= {"https"}
    if "\0" not in text:
        whole = Elements(web.get("/?" + urlencode(opened)).text).text
        assert whole.count(text) > 60


def test_why_it_is_not_ready_is_said() -> None:
    """Instead of a table that would look like an empty cluster."""
    fleet = scene()
    fleet.status.not_ready = "not listed yet: <rayjobs>"
    answer = TestClient(fleet.application()).get("/")
    assert answer.status_code == 200
    assert "Not ready: not listed yet: &lt;rayjobs&gt;" in answer.text
    assert '<table id="objects"' not in answer.text
    assert "rayjobs in &lt;ns&gt;" in answer.text


def test_a_lost_connection_is_the_first_thing() -> None:
    """Since when, and from when the objects are."""
    fleet = scene()
    fleet.status.stale_since = time.time() - 200
    since = datetime.fromtimestamp(fleet.status.stale_since, UTC)
    text = TestClient(fleet.application()).get("/").text
    said = f"No connection to the API server for 3 min; what you see is from {since:%H:%M:%S}"
    assert text.index(said) < text.index("<main>")
    assert 'id="connection" data-tone="bad"' in text
    assert "up to date" not in text


def test_missing_kinds_are_said_with_what_to_do() -> None:
    """A kind that is refused, and Events and pods that are not read."""
    fleet = ShownFleet(job("one", "Running"), known=Known(pods=False, remedy="add pods to --collectors"))
    fleet.status.problem = "rayservices are missing: the API server refuses the list"
    text = TestClient(fleet.application()).get("/").text
    assert "rayservices are missing: the API server refuses the list" in text
    assert "add pods to --collectors" in text
    assert 'id="connection" data-tone="warn"' in text


def test_no_match_is_said() -> None:
    """An empty table could be an error."""
    assert "No object matches." in client(job("one", "Running")).get("/?q=two").text


@pytest.fixture(scope="module")
def filtered_page() -> TestClient:
    fleet = scene()
    fleet.items.append(job("other", "Failed", namespace="training"))
    return TestClient(fleet.application())


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"kind": "RayService"}, ["chat"]),
        ({"namespace": "in"}, ["other"]),
        ({"state": "Suspended"}, ["notebook"]),
        ({"severity": "info"}, ["notebook"]),
        ({"severity": "none", "kind": "RayCluster", "sort": "name"}, ["chat-b", "gpu"]),
        ({"cause": "suspended"}, ["notebook"]),
        ({"label": "team=nlp"}, ["train-llm"]),
        ({"q": "INSUFFICIENT nvidia.com/gpu", "kind": "RayJob"}, ["train-llm"]),
        ({"q": "6 insufficient nvidia", "kind": "RayCluster"}, ["train-llm-x7k2p"]),
        ({"q": "loss is nan"}, ["other"]),
        ({"q": "nightly", "healthy": "true"}, ["nightly"]),
        ({"healthy": "false", "kind": "RayCluster", "sort": "-name"}, ["train-llm-x7k2p", "notebook"]),
        ({"kind": "unknown"}, []),
    ],
)
def test_filters(filtered_page: TestClient, parameters: dict[str, str], expected: list[str]) -> None:
    """Kind, namespace, state, severity, cause, label, and a search over names, findings and messages."""
    assert names(filtered_page, **parameters) == expected


def test_the_filter_of_labels_reads_more_labels_than_a_row_shows() -> None:
    """All that are allowed."""
    labels = {"cost-center": "1", "queue": "q", "team": "vision"}
    web = client(item("RayCluster", "a", {}, labels=labels), labels={"RayCluster": ["*"]})
    assert names(web, label="team=vision") == ["a"]
    assert names(web, label="team=nlp") == []


def test_every_order_has_a_reverse() -> None:
    """The heading of the present order is the link to its reverse."""
    web = client(*(job(name, state) for name, state in (("b", "Failed"), ("a", "Running"), ("c", "Complete"))))
    assert names(web, sort="name") == ["a", "b", "c"]
    assert names(web, sort="-name") == ["c", "b", "a"]
    assert names(web, sort="state") == ["c", "b", "a"]
    assert names(web)[0] == "b"
    assert names(web, sort="-severity")[-1] == "b"
    assert names(web, sort="unknown") == names(web)
    assert {"sort": ["-name"]} in queries(web.get("/?sort=name").text)
    assert {"sort": ["-severity"]} in queries(web.get("/").text)
    assert 'aria-sort="descending"' in web.get("/?sort=-name").text


def test_causes_are_counted_and_filters() -> None:
    """With the other filters; the chosen cause is the first finding of each row, and its link removes it."""
    web = client(*(job(f"job-{index}", "Failed") for index in range(3)), item("RayCluster", "a", {}, {"suspend": True}))
    page = web.get("/").text
    assert re.findall(r'href="\?cause=([\w-]+)".*?count">(\d+)<', page, re.DOTALL)[0] == ("application-failed", "3")
    chosen = web.get("/?cause=application-failed&kind=RayJob").text
    assert len(rows(chosen)) == 3
    assert {"kind": ["RayJob"]} in queries(chosen)


def test_a_job_and_its_cluster_with_the_same_findings_are_one_row() -> None:
    """With both names, counted once; by itself the cluster has a row: in a filter of its kind, and if it is open."""
    web = TestClient(scene().application())
    page = web.get("/").text
    text = " ".join(Elements(page).text.split())
    assert rows(page).count("train-llm") == 1
    assert "train-llm-x7k2p" not in rows(page)
    assert "RayJob in ml, with RayCluster train-llm-x7k2p" in text
    assert "46 rows with 47 objects" in text
    assert "Unschedulable 1 " in text
    assert "Warning 1 " in text
    assert names(web, kind="RayCluster", cause="unschedulable") == ["train-llm-x7k2p"]
    assert names(web, open="RayCluster/ml/train-llm-x7k2p").count("train-llm-x7k2p") == 1


def test_a_row_with_two_names_has_the_severity_of_its_job_or_service() -> None:
    """The filters and numbers of severities count it once."""
    down = condition("Ready", "False", "ZeroServeEndpoints", "Number of serve endpoints dropped to 0")
    status = {"activeServiceStatus": {"rayClusterName": "a"}, "numServeEndpoints": 0, "conditions": [down]}
    cluster = item("RayCluster", "a", {}, labels={"ray.io/originated-from-crd": "RayService"})
    failure = event("RayCluster", "a", "FailedToCreateHeadPod", "exceeded quota: x")
    web = client(item("RayService", "chat", status), cluster, failure, item("RayCluster", "b", {}, {"suspend": True}))
    page = web.get("/?severity=critical").text
    text = " ".join(Elements(page).text.split())
    assert rows(page) == ["chat"]
    assert "1 row with 2 objects" in text
    assert "Critical 1 " in text
    assert "Warning 0 " in text
    assert names(web, severity="warning") == []
    assert names(web, severity="warning", kind="RayCluster") == ["a"]


def test_a_cluster_with_a_finding_of_its_own_has_a_row() -> None:
    """What its service does not say would otherwise be invisible; the other cluster is on the service's row."""
    roles = {"activeServiceStatus": {"rayClusterName": "a"}, "pendingServiceStatus": {"rayClusterName": "b"}}
    clusters = [item("RayCluster", name, {}, labels={"ray.io/originated-from-crd": "RayService"}) for name in "ab"]
    failures = [event("RayCluster", name, "FailedToCreateHeadPod", "exceeded quota: x") for name in "ab"]
    page = client(item("RayService", "chat", roles), *clusters, *failures).get("/?cause=quota").text
    assert sorted(rows(page)) == ["b", "chat"]
    assert "RayService in ml, with RayCluster a" in " ".join(Elements(page).text.split())


def test_pages_filters_and_orders_are_links() -> None:
    """Each keeps the others; another filter begins on the first page."""
    page = client(*many(250)).get("/?kind=RayJob&sort=name&continue=100&state=&q=job").text
    found = queries(page)
    both = {"kind": ["RayJob"], "q": ["job"]}
    assert both | {"sort": ["name"], "continue": ["200"]} in found
    assert both | {"sort": ["name"]} in found
    assert both | {"sort": ["created"]} in found
    assert both | {"sort": ["name"], "severity": ["critical"]} in found
    assert {"q": ["job"], "sort": ["name"]} in found
    assert "101 to 200 of 250 objects" in page


def test_an_open_row_has_everything() -> None:
    """Without a script, too: findings, evidence, commands, links, stages, related objects, pods, Events, conditions."""
    web = TestClient(scene().application())
    page = web.get("/?open=RayJob/ml/train-llm").text
    text = " ".join(Elements(page).text.split())
    for part in [
        "Unschedulable for 13 min:",
        "Pod train-llm-x7k2p-worker-0 status.conditions[PodScheduled], 13 min ago",
        "0/6 nodes are available: 6 Insufficient nvidia.com/gpu.",
        "kubectl -n ml get rayjob train-llm -o yaml",
        "kubectl -n ml get pods -l ray.io/cluster=train-llm-x7k2p",
        "train-llm-x7k2p-worker-11 worker gpu Running on gpu-1",
        "FailedToCreateWorkerPod RayCluster train-llm-x7k2p, 14 times",
        "Initializing",
    ]:
        assert part in text
    addresses = [link["href"] for link in Elements(page).all("a")]
    assert "https://grafana.example.com/d/kuberay?var-namespace=ml&var-cluster=train-llm-x7k2p" in addresses
    assert "https://alerts.example.com/#/alerts?filter=%7Bnamespace%3D%22ml%22%7D" in addresses
    assert "https://logs.example.com/ml/train-llm-x7k2p" in addresses
    assert any(address.startswith("https://example.com/runbooks#") for address in addresses)
    service = web.get("/?open=RayService/ml/chat").text
    assert "pending:" in service
    cluster = Elements(web.get("/?open=RayCluster/ml/train-llm-x7k2p").text).text
    assert "512 GiB" in cluster
    assert "created by:" in cluster


def test_events_and_restarts_are_marks_of_the_stages() -> None:
    """At their times, with a text; what was before the object is not shown."""
    ended = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": ago(minutes=60)}
    status = {"containerStatuses": [{"name": "ray", "restartCount": 2, "lastState": {"terminated": ended}}]}
    labels = {"ray.io/cluster": "a", "ray.io/node-type": "head"}
    ready = condition("HeadPodReady", "True", "", "") | {"lastTransitionTime": ago(minutes=90)}
    old = event("RayCluster", "a", "FailedToCreateHeadPod", "no")
    old[1]["lastTimestamp"] = ago(hours=3)
    cluster = item("RayCluster", "a", {"state": "ready", "conditions": [ready]})
    recent = event("Pod", "a-head", "BackOff", "restarting")
    web = client(cluster, item("Pod", "a-head", status, labels=labels), old, recent)
    page = web.get("/?open=RayCluster/ml/a").text
    found = re.findall(r'class="mark" data-tone="(\w+)" x="([\d.]+)".*?<title>[\d: -]+(.*?)</title>', page)
    assert {(tone, text) for tone, _, text in found} == {("warning", "BackOff a-head"), ("bad", "Restart of a-head")}
    left = {tone: float(place) for tone, place, _ in found}
    assert 45 < left["bad"] < 55
    assert 90 < left["warning"] < 95
    text = " ".join(Elements(page).text.split())
    assert "1 Event below the bar" in text
    assert "1 Restart across the bar" in text
    assert "2 restarts, last 1 h ago" in text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train-llm-x7k2p", "4 of 8 workers · 8 GPUs"),
        ("chat", "40 % of traffic on the new cluster · 12 endpoints"),
        ("nightly", "0 3 1 1 * UTC · last run 7 h ago"),
        ("eval-001", "7 min"),
    ],
)
def test_progress(name: str, text: str) -> None:
    """What a row says beyond the state."""
    page = TestClient(scene().application()).get("/", params={"q": name, "sort": "-name"}).text
    assert f"<span>{text}</span>" in page


def test_running_workers_are_shown_where_ready_ones_are_not_counted() -> None:
    """KubeRay before 1.2 has no number of ready workers: 0 would be wrong beside the state Ready."""
    status = {"state": "ready", "desiredWorkerReplicas": 2, "availableWorkerReplicas": 2}
    assert "<span>2 of 2 workers</span>" in client(item("RayCluster", "old", status)).get("/").text


def test_kinds_have_a_picture_of_what_has_been_counted() -> None:
    """Nothing is known of the hours before the start; the highest bar is the most objects with findings."""
    page = client(job("a", "Failed"), job("b", "Failed"), item("RayCluster", "c", {"state": "ready"})).get("/").text
    kinds = page[page.index('<nav id="kinds"') :]
    pictures = re.findall(r'title="([^"]*)">(\w+) .*?<svg.*?>.*?/>\s*(.*?)\s*</svg>', kinds, re.DOTALL)
    most = "With findings in the last 24 hours: at most"
    bar = '<rect data-tone="warn" x="92" y="{}" width="3" height="{}"/>'
    assert pictures == [
        (f"{most} 2", "All", bar.format("0.0", "16.0")),
        (f"{most} 0", "Clusters", bar.format("14.0", "2.0")),
        (f"{most} 2", "Jobs", bar.format("0.0", "16.0")),
    ]


def test_the_head_names_the_cluster() -> None:
    """And the title of the tab, the version and the time zone."""
    page = client(cluster_name="prod <eu>").get("/").text
    assert "<title>prod &lt;eu&gt; · KubeRay</title>" in page
    assert '<span class="cluster">prod &lt;eu&gt;</span>' in page
    assert "times are in UTC" in page
