"""The dashboards: titles, layout, links and queries. `make live` sends the queries to a real Prometheus."""

import copy
import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.support.boards import BOARDS, FILES, QUERIES, panels, with_headings
from tools.dashboards.render import rendered
from tools.rules import OPTIONAL, RENDERED, documented, rules_by_name

BY_UID = {board["uid"]: board for board in BOARDS}

TITLES = {
    "kuberay-fleet": "KubeRay / Fleet",
    "kuberay-RayCluster": "KubeRay / Clusters",
    "kuberay-RayJob": "KubeRay / Jobs",
    "kuberay-RayService": "KubeRay / Services",
    "kuberay-exporter": "KubeRay / Exporter",
    "kuberay-nine": "KubeRay / Nine",
    "kuberay-utilisation": "KubeRay / Utilisation",
    "kuberay-slo": "KubeRay / SLO",
}

TITLE_LENGTH = 28

GRID_COLUMNS = 24

# In a window of 1280 px: margins of 16 px left and right, and 8 px between panels. The length of a title in pixels is
# an estimate that includes the icon of the description.
COLUMN_PIXELS = (1280 - 2 * 16 + 8) / GRID_COLUMNS
GAP_PIXELS = 8
CHARACTER_PIXELS = 9

# A window of 940 px without Grafana's headers (130 px); a line of the grid is 30 px high, with a gap of 8 px.
FIRST_SCREEN = (940 - 130) // 38
FIRST_SCREEN_PANELS = 12

CORE_PANELS = {"bargauge", "heatmap", "row", "stat", "state-timeline", "table", "timeseries"}


def variables(board: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in board["templating"]["list"]}


@pytest.fixture(params=BOARDS, ids=lambda board: board["uid"])
def board(request: pytest.FixtureRequest) -> dict[str, Any]:
    chosen: dict[str, Any] = request.param
    return chosen


def test_files_are_what_make_dashboards_writes() -> None:
    """If this test fails, run `make dashboards`."""
    assert {path.name: path.read_text() for path in FILES} == rendered()


def test_no_name_or_number_is_used_twice(board: dict[str, Any]) -> None:
    """Links to dashboards and panels contain them."""
    assert len(BY_UID) == len(BOARDS) == len({board["title"] for board in BOARDS})
    for key in ("id", "title"):
        used = [panel[key] for panel in with_headings(board)]
        assert len(set(used)) == len(used)
    for panel in panels(board):
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters) > 0


def test_dashboards_have_stable_titles_and_uids() -> None:
    """Users find dashboards by title and save links with the uid."""
    assert {uid: board["title"] for uid, board in BY_UID.items()} == TITLES
    assert {path.stem for path in FILES} == {title.split(" / ")[1].lower() for title in TITLES.values()}


def test_titles_of_panels_are_short_phrases(board: dict[str, Any]) -> None:
    """Headings too. They begin with a capital letter or, like `p90`, with the name of a percentile."""
    for panel in with_headings(board):
        assert len(panel["title"]) <= TITLE_LENGTH
        assert re.fullmatch(r"([A-Z]|p\d\d )[^?.!]*", panel["title"])


def test_titles_of_numbers_fit_into_their_panels(board: dict[str, Any]) -> None:
    """Grafana truncates longer titles; other panels are wide enough for every title."""
    for panel in panels(board):
        pixels = panel["gridPos"]["w"] * COLUMN_PIXELS - GAP_PIXELS
        assert len(panel["title"]) * CHARACTER_PIXELS <= pixels


def test_panels_have_a_description(board: dict[str, Any]) -> None:
    """It is a sentence or a phrase with a full stop. Headings cannot have one in Grafana."""
    for panel in panels(board):
        assert re.fullmatch(r"[A-Z0-9].*\.", panel["description"])


def test_panels_say_which_collectors_they_need(board: dict[str, Any]) -> None:
    """Those that are off by default in `serve`: an empty panel looks as if there were nothing to show."""
    for panel in panels(board):
        expressions = " ".join(target["expr"] for target in panel["targets"])
        for prefix, collector in (
            ("kuberay_pod", "pods"),
            ("kuberay_event", "events"),
            ("kuberay_cronjob", "raycronjobs"),
        ):
            is_named = re.search(rf"Needs --collectors with .*\b{collector}\b", panel["description"]) is not None
            assert is_named is (prefix in expressions), panel["title"]


def test_panels_have_units(board: dict[str, Any]) -> None:
    """In tables, every column of values has its own unit."""
    for panel in panels(board):
        assert panel["fieldConfig"]["defaults"]["unit"]
        if panel["type"] == "table":
            columns = {
                override["matcher"]["options"]
                for override in panel["fieldConfig"]["overrides"]
                if any(entry["id"] == "unit" and entry["value"] for entry in override["properties"])
            }
            organize = panel["transformations"][-1]["options"]
            titles = organize["renameByName"].items()
            assert columns == {title for field, title in titles if field.startswith("Value")}


def test_thresholds_rise(board: dict[str, Any]) -> None:
    """The first step has no value, because it applies below all others."""
    for panel in panels(board):
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
        values = [step["value"] for step in steps]
        assert values == sorted(values, key=lambda value: (value is not None, value))
        assert values[:1] in ([], [None])


def test_panels_are_grafanas_own(board: dict[str, Any]) -> None:
    """They work without any plugin."""
    assert {panel["type"] for panel in with_headings(board)} <= CORE_PANELS


def test_panels_do_not_overlap(board: dict[str, Any]) -> None:
    """They fit into Grafana's 24 columns."""

    def cells(place: dict[str, int]) -> set[tuple[int, int]]:
        xs, ys = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        return {(x, y) for x in xs for y in ys}

    rows = [[panel, *panel["panels"]] for panel in board["panels"] if panel["type"] == "row"]
    for together in (board["panels"], *rows):
        covered = [cells(panel["gridPos"]) for panel in together]
        assert not any(one & other for one, other in combinations(covered, 2))
        assert {x for some in covered for x, _ in some} <= set(range(GRID_COLUMNS))


def test_first_screen_has_few_panels_and_long_boards_have_collapsed_rows(board: dict[str, Any]) -> None:
    """Panels in collapsed rows send no queries. The first row is open, and so are all rows of a short board."""
    headings = [panel for panel in board["panels"] if panel["type"] == "row"]
    first = [panel for panel in panels(board) if panel["gridPos"]["y"] < FIRST_SCREEN and panel in board["panels"]]
    assert len(first) <= FIRST_SCREEN_PANELS
    assert any(row["collapsed"] for row in headings) is (len(headings) > 3)
    assert not headings[0]["collapsed"]


def datasources(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from datasources(item)
    elif isinstance(value, dict):
        if "datasource" in value:
            yield value["datasource"]
        for item in value.values():
            yield from datasources(item)


ABSENT = object()

SELECTION = r'namespace=~"\$namespace\|?"'
"""With the bar, series without a namespace are selected, too."""


def lists(board: dict[str, Any]) -> dict[str, Any]:
    """Return the variables whose values come from Prometheus: neither the data source nor a field for text."""
    return {name: variable for name, variable in variables(board).items() if variable["type"] == "query"}


def test_everything_uses_the_selected_data_source(board: dict[str, Any]) -> None:
    """This applies to panels, queries and variables."""
    found = list(datasources(board))
    assert all(one == {"type": "prometheus", "uid": "${datasource}"} for one in found)
    targets = [target for panel in panels(board) for target in panel["targets"]]
    assert len(found) == len(panels(board)) + len(targets) + len(lists(board))


def test_variables_select_a_data_source_and_any_number_of_values(board: dict[str, Any]) -> None:
    """Several namespaces or names can be selected, or all of them."""
    chosen = variables(board)
    assert (chosen["datasource"]["type"], chosen["datasource"]["query"]) == ("datasource", "prometheus")
    for variable in lists(board).values():
        assert variable["multi"]
        assert variable["includeAll"]
        assert variable["allValue"] == ".*"


def test_queries_use_the_variables_of_their_dashboard() -> None:
    """Each query has the variables for clusters and namespaces, and none that its dashboard does not define."""
    for query in QUERIES:
        assert re.search(rf'cluster=~"\$cluster", {SELECTION}', query.expr), query.key
        used = set(re.findall(r"\$([a-z]\w*)", query.expr))
        assert used <= set(variables(BY_UID[query.board])), query.key


def test_queries_use_metrics_and_labels_that_exist() -> None:
    """They are documented in docs/metrics.md or recorded by a rule."""
    known, rules = documented(), set(rules_by_name(RENDERED, *OPTIONAL.values()))
    for query in QUERIES:
        assert set(re.findall(r"\bnamespace\w*:[\w:]+", query.expr)) <= rules, query.key
        for name, matchers in re.findall(r"(?<!:)\b(kuberay_[a-z_]+)\b(?!:)(?:\{([^}]*)\})?", query.expr):
            family = name.removesuffix("_bucket")
            assert family in known, query.key
            labels = set(re.findall(r'(\w+)(?:=~|!=|!~|=)"', matchers))
            assert labels <= known[family] | {"namespace", "cluster"}, query.key


def links(board: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield every link of a table: the panel, the column that is clicked, and the address."""
    for panel in panels(board):
        for override in panel["fieldConfig"]["overrides"]:
            for entry in override["properties"]:
                if entry["id"] == "links":
                    for link in entry["value"]:
                        yield panel, override["matcher"]["options"], link["url"]


def test_links_of_tables_open_dashboards(board: dict[str, Any]) -> None:
    """They set variables of that dashboard from columns that the table shows."""
    for panel, column, url in links(board):
        shown = {
            name for name in panel["transformations"][-1]["options"]["indexByName"] if not name.startswith("Value")
        }
        assert column in shown
        assert set(re.findall(r"\$\{__data\.fields\.(\w+)\}", url)) <= shown
        match = re.match(r"/d/(kuberay-)(\$\{__data\.fields\.\w*kind\}|\w+)\?", url)
        assert match
        uids = [uid for uid in BY_UID if "Ray" in uid] if match[2].startswith("$") else [match[1] + match[2]]
        for uid in uids:
            assert set(re.findall(r"&var-(\w+)=", url)) <= set(variables(BY_UID[uid]))


def test_fleet_links_to_the_dashboard_of_every_kind() -> None:
    """The links are in its tables."""
    urls = " ".join(url for _, _, url in links(BY_UID["kuberay-fleet"]))
    assert all(uid in urls for uid in BY_UID if "Ray" in uid)


def test_labels_that_a_table_shows_are_those_of_its_queries(board: dict[str, Any]) -> None:
    """A label that no query contains would be an empty column."""
    for panel in panels(board):
        if panel["type"] == "table":
            exprs = " ".join(target["expr"] for target in panel["targets"])
            for name in panel["transformations"][-1]["options"]["indexByName"]:
                assert name.startswith("Value") or re.search(rf"\b{name}\b", exprs)


def test_totals_of_requests_do_not_mix_suspended_clusters_with_others() -> None:
    """Their status still has the desired numbers, but they have no pods. `make live` checks the results."""
    totals = [query for query in QUERIES if re.search(r"\bsum\b.*kuberay_cluster_(desired|min)_", query.expr)]
    suspended = r"(unless|and) on \(cluster, namespace, uid\) \(kuberay_cluster_suspended == 1 "
    assert totals
    assert not [query.key for query in totals if not re.search(suspended, query.expr)]


def test_queries_keep_clusters_apart_wherever_they_keep_namespaces_apart() -> None:
    """Objects of two clusters can have the same names."""
    for query in QUERIES:
        groupings = re.findall(r"\b(?:by|on) \(([^)]*)\)", query.expr)
        apart = [labels for labels in groupings if "namespace" in labels]
        assert all(re.search(r"\bcluster, namespace\b", labels) for labels in apart), query.key
        assert len(re.findall(SELECTION, query.expr)) == query.expr.count('cluster=~"$cluster"'), query.key


def test_variables_offer_only_values_of_the_selected_clusters(board: dict[str, Any]) -> None:
    """The clusters themselves are those of all exporters; without such a label there are none."""
    chosen = variables(board)
    assert list(chosen)[:3] == ["datasource", "cluster", "namespace"]
    assert chosen["cluster"]["definition"] == "label_values(kuberay_exporter_build_info, cluster)"
    for name in set(lists(board)) - {"cluster"}:
        assert 'cluster=~"$cluster"' in chosen[name]["definition"]
        assert chosen[name]["query"]["query"] == chosen[name]["definition"]


def test_legends_with_a_namespace_end_with_the_cluster(board: dict[str, Any]) -> None:
    """Two clusters can have the same namespaces."""
    for panel in panels(board):
        for target in panel["targets"]:
            if "{{namespace}}" in target.get("legendFormat", ""):
                assert target["legendFormat"].endswith(" {{cluster}}")


def test_links_keep_the_selected_clusters(board: dict[str, Any]) -> None:
    """Not the column, which is absent where series have no such label."""
    for _, _, url in links(board):
        assert "${cluster:queryparam}" in url
        assert "fields.cluster" not in url


def test_grafana_knows_every_field(board: dict[str, Any]) -> None:
    """Read with the types of Grafana's schema and written again, nothing is lost and nothing has changed.

    Except `definition`, which Grafana writes for the list of variables in its settings.
    """
    register_default_plugins()
    board = copy.deepcopy(board)
    for variable in board["templating"]["list"]:
        variable.pop("definition", None)
    written = json.loads(JSONEncoder().encode(Dashboard.from_json(copy.deepcopy(board))))
    assert list(differences(board, written)) == []


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """Yield the places at which something of ours is missing or different; defaults that were added do not count."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            yield from differences(value, theirs.get(key, ABSENT), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for one, other in zip(ours, theirs, strict=True):
            yield from differences(one, other, f"{path}[]")
    elif ours != theirs:
        yield path


def test_a_field_that_grafana_does_not_know_is_found() -> None:
    """Or the test above would say nothing."""
    register_default_plugins()
    board = {"title": "t", "panels": [{"type": "stat", "title": "p", "gridPosition": {"x": 1}}]}
    written = json.loads(JSONEncoder().encode(Dashboard.from_json(copy.deepcopy(board))))
    assert list(differences(board, written)) == [".panels[].gridPosition"]
