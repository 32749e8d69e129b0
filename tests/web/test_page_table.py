"""The parts of the page that the server renders, one by one."""

import json
from typing import Any

import pytest

from exporter.web.page_table import fragments
from tests.support.exporter_status import FakeStatus

NOW = "2026-11-23T10:00:00Z"


def rendered(
    parameters: dict[str, list[str]] | None = None, code: int = 200, not_ready: str | None = None, **answer: Any
) -> dict[str, str]:
    status = FakeStatus()
    status.not_ready = not_ready
    return fragments(parameters or {}, code, json.dumps({"time": NOW} | answer).encode(), status)


def row(**more: Any) -> dict[str, Any]:
    return {"kind": "RayJob", "namespace": "ml", "name": "a"} | more


def cells(**more: Any) -> str:
    return rendered(items=[row(**more)])["rows"]


@pytest.mark.parametrize(
    ("fields", "html"),
    [
        (
            {},
            (
                '<tr data-tone="none"><td class="name"><strong>a</strong> <span class="kind">RayJob</span></td>'
                '<td class="namespace">ml</td><td class="state"></td><td class="finding"></td>'
                '<td class="progress"></td><td class="age"></td></tr>'
            ),
        ),
        (
            {
                "name": "<b>",
                "namespace": '"',
                "state": "&",
                "severity": "critical",
                "createdAt": "2026-11-23T08:00:00Z",
                "findings": [{"sentence": "<i>"}, {"sentence": "x"}, {"sentence": "y"}],
                "details": {"schedule": "<s>"},
            },
            (
                '<tr data-tone="bad"><td class="name"><strong>&lt;b&gt;</strong> <span class="kind">RayJob</span></td>'
                '<td class="namespace">&quot;</td><td class="state">&amp;</td>'
                '<td class="finding"><span class="sentence">&lt;i&gt;</span> <span class="muted">and 2 more</span></td>'
                '<td class="progress">&lt;s&gt;</td><td class="age">2 h</td></tr>'
            ),
        ),
    ],
)
def test_rows(fields: dict[str, Any], html: str) -> None:
    """One with nothing but its name, and one with all fields, in which everything is escaped."""
    assert cells(**fields) == html


@pytest.mark.parametrize(
    ("severity", "tone"),
    [("critical", "bad"), ("warning", "warn"), ("info", "idle"), ("", "none"), ('"><script>', "none")],
)
def test_tone_of_a_row(severity: str, tone: str) -> None:
    """Unknown severities have none."""
    assert cells(severity=severity).startswith(f'<tr data-tone="{tone}">')


@pytest.mark.parametrize(
    ("created_at", "age"),
    [
        ("2026-11-23T10:00:05Z", "0 s"),
        ("2026-11-23T10:00:00Z", "0 s"),
        ("2026-11-23T09:59:01Z", "59 s"),
        ("2026-11-23T09:59:00Z", "1 min"),
        ("2026-11-23T09:00:01Z", "59 min"),
        ("2026-11-23T09:00:00Z", "1 h"),
        ("2026-11-22T10:00:01Z", "23 h"),
        ("2026-11-22T10:00:00Z", "1 d"),
        ("2025-11-23T10:00:00Z", "365 d"),
    ],
)
def test_age_is_in_its_largest_unit(created_at: str, age: str) -> None:
    """Rounded down; a time in the future is no time ago."""
    assert cells(createdAt=created_at).endswith(f'<td class="age">{age}</td></tr>')


@pytest.mark.parametrize(
    ("details", "text"),
    [
        ({"workers": {"desired": 3}}, "0 of 3 workers"),
        ({"workers": {}, "serveEndpoints": 0}, "0 endpoints"),
        ({"durationSeconds": 0, "startTime": "2026-11-23T09:00:00Z"}, "0 s"),
        ({"startTime": "2026-11-23T09:30:00Z"}, "30 min"),
        ({"startTime": "2026-11-23T09:30:00Z", "endTime": "2026-11-23T09:40:00Z"}, ""),
    ],
)
def test_progress(details: dict[str, Any], text: str) -> None:
    """The first figure that there is; zero is one."""
    assert f'<td class="progress">{text}</td>' in cells(details=details)


@pytest.mark.parametrize(
    ("code", "answer", "message"),
    [
        (200, {"items": [row()]}, ""),
        (200, {}, "No object matches."),
        (400, {"error": "limit '<0>' is wrong"}, "limit &#x27;&lt;0&gt;&#x27; is wrong"),
        (500, {}, "the API answered 500"),
    ],
)
def test_messages(code: int, answer: dict[str, Any], message: str) -> None:
    """An empty table says why it is empty."""
    assert rendered(code=code, **answer)["message"] == message


@pytest.mark.parametrize(
    ("not_ready", "tone", "text"),
    [(None, "good", "Ready"), ("not listed yet: <rayjobs>", "bad", "Not ready: not listed yet: &lt;rayjobs&gt;")],
)
def test_readiness(not_ready: str | None, tone: str, text: str) -> None:
    """With the reason."""
    found = rendered(not_ready=not_ready)
    assert (found["tone"], found["readiness"]) == (tone, text)


SUMMARY = {
    "kinds": {
        "RayJob": {"total": 3, "states": {"Running": 2, "<x>": 1}},
        "RayCluster": {"total": 1, "states": {"Ready": 1}},
        "Other": {"total": 5, "states": {"Odd": 5}},
    }
}


@pytest.mark.parametrize(
    ("parameters", "html"),
    [
        (
            {},
            (
                '<a href="?" aria-current="page">All <span class="count">9</span></a>'
                '<a href="?kind=RayCluster">Clusters <span class="count">1</span></a>'
                '<a href="?kind=RayJob">Jobs <span class="count">3</span></a>'
            ),
        ),
        (
            {"kind": ["RayJob"], "state": ["Running"], "name": ["a&b"], "continue": ["100"]},
            (
                '<a href="?name=a%26b">All <span class="count">9</span></a>'
                '<a href="?name=a%26b&amp;kind=RayCluster">Clusters <span class="count">1</span></a>'
                '<a href="?name=a%26b&amp;kind=RayJob" aria-current="page">Jobs <span class="count">3</span></a>'
            ),
        ),
    ],
)
def test_tabs(parameters: dict[str, list[str]], html: str) -> None:
    """Another kind has other states and begins on the first page; the other filters stay."""
    assert rendered(parameters, summary=SUMMARY)["tabs"] == html


@pytest.mark.parametrize(
    ("parameters", "html"),
    [
        (
            {"kind": ["RayJob"]},
            (
                '<option value="" selected>all</option>'
                '<option value="&lt;x&gt;">&lt;x&gt;</option><option value="Running">Running</option>'
            ),
        ),
        (
            {"kind": ["RayCluster"], "state": ["Gone"]},
            (
                '<option value="">all</option>'
                '<option value="Gone" selected>Gone</option><option value="Ready">Ready</option>'
            ),
        ),
        ({"kind": ["RayService"]}, '<option value="" selected>all</option>'),
    ],
)
def test_states(parameters: dict[str, list[str]], html: str) -> None:
    """Those of the kind, and the one that is selected even if no object is in it."""
    assert rendered(parameters, summary=SUMMARY)["states"] == html


@pytest.mark.parametrize(
    ("sort", "orders"),
    [
        ("", {"name": "none", "state": "none", "severity": "descending", "created": "none"}),
        ("name", {"name": "ascending", "state": "none", "severity": "none", "created": "none"}),
        ("created", {"name": "none", "state": "none", "severity": "none", "created": "descending"}),
    ],
)
def test_order_of_columns(sort: str, orders: dict[str, str]) -> None:
    """Exactly one is sorted by, the worst first if none is asked for."""
    columns = rendered({"sort": [sort]} if sort else {})["columns"]
    for name, order in orders.items():
        assert f'data-sort="{name}" aria-sort="{order}"' in columns
    assert '<th scope="col" class="namespace">Namespace</th>' in columns


@pytest.mark.parametrize(
    ("parameters", "following", "html"),
    [
        ({}, "", ""),
        ({"name": ["a"]}, "100", ' <a href="?name=a&amp;continue=100">Next page</a>'),
        (
            {"name": ["a"], "continue": ["100"]},
            "200",
            '<a href="?name=a">First page</a> <a href="?name=a&amp;continue=200">Next page</a>',
        ),
        ({"continue": ["200"]}, "", '<a href="?">First page</a>'),
    ],
)
def test_links_to_pages(parameters: dict[str, list[str]], following: str, html: str) -> None:
    """Only to pages that there are."""
    answer: dict[str, Any] = {"continue": following}
    assert rendered(parameters, **answer)["pages"] == html


@pytest.mark.parametrize(
    ("parameters", "name", "html"),
    [
        ({"kind": ["RayJob"], "sort": ["name"], "name": ["x"]}, "hidden",
         '<input type="hidden" name="kind" value="RayJob"><input type="hidden" name="sort" value="name">'),
        ({"kind": ['"><script>']}, "hidden",
         '<input type="hidden" name="kind" value="&quot;&gt;&lt;script&gt;">'),
        ({"name": ['"']}, "name", "&quot;"),
        ({"namespace": ["<a>", "b"]}, "namespace", "&lt;a&gt;"),
        ({"healthy": ["false"]}, "unhealthy", " checked"),
        ({"healthy": ["true"]}, "unhealthy", ""),
        ({}, "hidden", ""),
    ],
)  # fmt: skip
def test_fields_of_the_form(parameters: dict[str, list[str]], name: str, html: str) -> None:
    """They keep what was asked for, escaped."""
    assert rendered(parameters)[name] == html


def test_numbers_and_watches() -> None:
    """How many objects are shown, and the state of each watch."""
    found = rendered(items=[row()], total=250)
    assert found["caption"] == "1 of 250 objects"
    assert found["watches"] == "<tr><td>rayjobs in &lt;ns&gt;</td><td>7</td><td>synced, watching</td></tr>"
