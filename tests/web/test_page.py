"""The page at `/` as a client receives it: headers, escaping, the table of the server."""

import hashlib
import re
from base64 import b64encode
from html import escape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs

import pytest
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from exporter.exposition.exposition import Exposition
from exporter.web.api import ObjectsApi
from exporter.web.application import Endpoints
from exporter.web.page import Page
from tests.support.fleets import recorded
from tests.support.objects_api import MadeUpApi, ago, finding, made, many
from tests.web.test_application import FakeStatus

HOSTILE = "\"><script>alert('1')</script><img src=x onerror=alert(1)>$rows &amp;"


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

    def handle_data(self, data: str) -> None:
        self.text += data if self._tag not in ("script", "style") else ""

    def all(self, tag: str) -> list[dict[str, Any]]:
        return [attributes for name, attributes in self.found if name == tag]


def client(*objects: Any, links: dict[str, str] | None = None) -> TestClient:
    return TestClient(MadeUpApi(list(objects), links).application())


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
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    attributes = {name for _, attributes in Elements(answer.text).found for name in attributes}
    assert not {name for name in attributes if name.startswith("on") or name in ("style", "src")}


def test_an_unchanged_page_is_304() -> None:
    """Also if it was sent compressed."""
    page = client(made("RayJob", "one", "Running"))
    answer = page.get("/", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Cache-Control"] == "no-cache"
    again = page.get("/", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = page.get("/", headers={"Accept-Encoding": "identity"})
    assert plain.text == answer.text
    assert "Content-Encoding" not in plain.headers
    assert (
        page.head("/", headers={"Accept-Encoding": "identity"}).headers["Content-Length"]
        == plain.headers["Content-Length"]
    )
    assert page.get("/?name=x", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 200


def test_texts_of_other_programs_are_escaped() -> None:
    """In the table, in the fields and in the links."""
    obj = made("RayJob", HOSTILE, HOSTILE, finding(HOSTILE), namespace=HOSTILE, schedule=HOSTILE)
    page = client(obj, links={"grafana": f"https://x/{HOSTILE}"}).get(
        "/", params={"name": "script", "namespace": HOSTILE, "state": HOSTILE, "sort": "name"}
    )
    elements = Elements(page.text)
    assert elements.text.count(HOSTILE) >= 5
    assert escape(HOSTILE) in page.text
    assert len(elements.all("script")) == 1
    assert elements.all("img") == []
    (namespace,) = [field for field in elements.all("input") if field.get("name") == "namespace"]
    assert namespace["value"] == HOSTILE
    (grafana,) = [meta for meta in elements.all("meta") if meta.get("name") == "link-grafana"]
    assert grafana["content"] == f"https://x/{HOSTILE}"


def test_a_message_of_the_api_is_shown() -> None:
    """Instead of rows: before the first lists have finished, or after a wrong parameter."""
    api = MadeUpApi([])
    api.error = (503, "not listed yet: <rayjobs>")
    api.status.not_ready = "not listed yet: <rayjobs>"
    answer = TestClient(api.application()).get("/")
    assert answer.status_code == 200
    assert answer.text.count("not listed yet: &lt;rayjobs&gt;") == 2
    assert "<tbody></tbody>" in answer.text


def test_no_match_is_said() -> None:
    """An empty table could be an error."""
    assert "No object matches." in client(made("RayJob", "one", "Running")).get("/?name=two").text


def test_pages_filters_and_orders_are_links() -> None:
    """Each keeps the others; another filter begins on the first page."""
    elements = Elements(client(*many(250)).get("/?kind=RayJob&sort=name&continue=100&state=&name=job").text)
    queries = [parse_qs(link["href"][1:]) for link in elements.all("a") if link["href"].startswith("?")]
    both = {"kind": ["RayJob"], "name": ["job"]}
    assert both | {"sort": ["name"], "continue": ["200"]} in queries
    assert both | {"sort": ["name"]} in queries
    assert both | {"sort": ["created"]} in queries
    assert both in queries
    assert {"name": ["job"], "sort": ["name"]} in queries
    assert "100 of 250 objects" in elements.text


@pytest.mark.parametrize(
    ("details", "text"),
    [
        ({"workers": {"desired": 8, "ready": 4}}, "4 of 8 workers"),
        ({"durationSeconds": 1830}, "30 min"),
        ({"startTime": ago(hours=3)}, "3 h"),
        ({"serveEndpoints": 12}, "12 endpoints"),
        ({"schedule": "0 3 * * *"}, "0 3 * * *"),
        ({}, ""),
    ],
)
def test_figures_instead_of_bars(details: dict[str, Any], text: str) -> None:
    """What the script shows as a picture."""
    page = client(made("RayJob", "one", "Running", **details)).get("/").text
    assert re.findall('<td class="progress">(.*?)</td>', page) == [text]


def test_it_shows_what_the_api_answers() -> None:
    """The objects of a recorded cluster, a wrong parameter, and the time before the first lists."""
    status = FakeStatus()
    fleet = recorded("008")[0]
    api = ObjectsApi(lambda: fleet, status)
    page = Page(api.list_document, status, {})
    endpoints = Endpoints(Exposition([], CollectorRegistry()), status, lambda _: None, api, page)
    with TestClient(endpoints.application(max_requests=40)) as web:
        names = {item["name"] for item in web.get("/api/v1/objects?kind=RayJob").json()["items"]}
        assert len(names) == 7
        assert set(re.findall("<strong>(.*?)</strong>", web.get("/?kind=RayJob").text)) == names
        assert "sort &#x27;x&#x27; is not one of" in web.get("/?sort=x").text
        assert "rayjobs in &lt;ns&gt;" in web.get("/").text
        status.not_ready = "not listed yet: rayjobs"
        answer = web.get("/")
        assert answer.status_code == 200
        assert "Not ready: not listed yet: rayjobs" in answer.text
