"""The dashboards are what Grafana reads, lead to each other, and ask for what there is. `make live` asks Prometheus."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest

from tests.support.boards import BOARDS, FILES, QUERIES, BoardQuery, panels
from tools.dashboards.render import rendered
from tools.rules import documented, rules_by_name

BY_UID = {board["uid"]: board for board in BOARDS}

CORE_PANELS = {"bargauge", "heatmap", "row", "stat", "state-timeline", "table", "timeseries"}


def variables(board: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in board["templating"]["list"]}


@pytest.fixture(params=BOARDS, ids=lambda board: board["uid"])
def board(request: pytest.FixtureRequest) -> dict[str, Any]:
    chosen: dict[str, Any] = request.param
    return chosen


def test_files_are_what_make_dashboards_writes() -> None:
    """Stale: run `make dashboards`."""
    assert {path.name: path.read_text() for path in FILES} == rendered()


def test_no_name_or_number_is_used_twice(board: dict[str, Any]) -> None:
    """Links to dashboards and to panels name them."""
    assert len(BY_UID) == len(BOARDS) == len({board["title"] for board in BOARDS})
    for key in ("id", "title"):
        used = [panel[key] for panel in board["panels"]]
        assert len(set(used)) == len(used)
    for panel in panels(board):
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters) > 0


def test_panels_explain_themselves(board: dict[str, Any]) -> None:
    """The title is the question that a panel answers; headings have no description in Grafana."""
    for panel in board["panels"]:
        assert panel["title"].endswith("?")
    for panel in panels(board):
        assert panel["description"].endswith(".")


def test_panels_have_units(board: dict[str, Any]) -> None:
    """And every column of values in a table one of its own."""
    for panel in panels(board):
        assert panel["fieldConfig"]["defaults"]["unit"]
        if panel["type"] == "table":
            columns = {
                override["matcher"]["options"]
                for override in panel["fieldConfig"]["overrides"]
                if any(entry["id"] == "unit" and entry["value"] for entry in override["properties"])
            }
            organize = panel["transformations"][-1]["options"]
            assert columns == set(organize["renameByName"].values())


def test_numbers_have_thresholds_or_are_only_counted(board: dict[str, Any]) -> None:
    """A threshold is a step above the first, which has no value; steps rise."""
    for panel in panels(board):
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
        values = [step["value"] for step in steps]
        assert values == sorted(values, key=lambda value: (value is not None, value))
        assert values[:1] in ([], [None])


def test_panels_are_grafanas_own(board: dict[str, Any]) -> None:
    """No plugin has to be installed."""
    assert {panel["type"] for panel in board["panels"]} <= CORE_PANELS


def test_panels_do_not_overlap(board: dict[str, Any]) -> None:
    """And fit into Grafana's 24 columns."""

    def cells(place: dict[str, int]) -> set[tuple[int, int]]:
        xs, ys = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        return {(x, y) for x in xs for y in ys}

    covered = [cells(panel["gridPos"]) for panel in board["panels"]]
    assert not any(one & other for one, other in combinations(covered, 2))
    assert {x for some in covered for x, _ in some} <= set(range(24))


def datasources(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from datasources(item)
    elif isinstance(value, dict):
        if "datasource" in value:
            yield value["datasource"]
        for item in value.values():
            yield from datasources(item)


def test_everything_is_asked_of_the_chosen_prometheus(board: dict[str, Any]) -> None:
    """Panels, queries and variables."""
    found = list(datasources(board))
    assert all(one == {"type": "prometheus", "uid": "${datasource}"} for one in found)
    asked = [target for panel in panels(board) for target in panel["targets"]]
    assert len(found) == len(panels(board)) + len(asked) + len(variables(board)) - 1


def test_dashboards_are_chosen_by_data_source_and_namespaces(board: dict[str, Any]) -> None:
    """Several, or all at once."""
    chosen = variables(board)
    assert (chosen["datasource"]["type"], chosen["datasource"]["query"]) == ("datasource", "prometheus")
    for name in set(chosen) - {"datasource"}:
        assert chosen[name]["multi"]
        assert chosen[name]["includeAll"]
        assert chosen[name]["allValue"] == ".*"


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.key)
def test_query_honours_the_choice_of_namespaces(query: BoardQuery) -> None:
    """And asks for no variable that its dashboard does not have."""
    assert 'namespace=~"$namespace"' in query.expr
    used = set(re.findall(r"\$([a-z]\w*)", query.expr))
    assert used <= set(variables(BY_UID[query.board]))


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.key)
def test_query_asks_for_metrics_and_labels_that_exist(query: BoardQuery) -> None:
    """As docs/metrics.md and the rules have them."""
    known, rules = documented(), rules_by_name()
    recorded = set(re.findall(r"\bnamespace\w*:[\w:]+", query.expr))
    assert recorded <= set(rules)
    for name, matchers in re.findall(r"(?<!:)\b(kuberay_[a-z_]+)\b(?!:)(?:\{([^}]*)\})?", query.expr):
        family = name.removesuffix("_bucket")
        assert family in known
        labels = set(re.findall(r'(\w+)(?:=~|!=|!~|=)"', matchers))
        assert labels <= known[family] | {"namespace"}


def links(board: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Every link of a table: the panel, the column that is clicked, and where it leads to."""
    for panel in panels(board):
        for override in panel["fieldConfig"]["overrides"]:
            for entry in override["properties"]:
                if entry["id"] == "links":
                    for link in entry["value"]:
                        yield panel, override["matcher"]["options"], link["url"]


def test_links_of_tables_lead_to_dashboards(board: dict[str, Any]) -> None:
    """Whose variables they set, from columns that the table shows."""
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


def test_fleet_leads_to_every_other_dashboard_of_objects() -> None:
    """From its tables."""
    urls = " ".join(url for _, _, url in links(BY_UID["kuberay-fleet"]))
    assert all(uid in urls for uid in BY_UID if "Ray" in uid)


def test_labels_that_a_table_shows_are_those_of_its_queries(board: dict[str, Any]) -> None:
    """Each is named in a query, or the column would stay empty."""
    for panel in panels(board):
        if panel["type"] == "table":
            exprs = " ".join(target["expr"] for target in panel["targets"])
            for name in panel["transformations"][-1]["options"]["indexByName"]:
                assert name.startswith("Value") or re.search(rf"\b{name}\b", exprs)
