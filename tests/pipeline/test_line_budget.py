"""Which lines of objects with very many series are printed."""

import pytest

from exporter.collectors.rayservice import RAYSERVICES
from exporter.families.object_families import ObjectFamilies
from exporter.pipeline import line_budget
from exporter.pipeline.line_budget import LineBudget
from tests.support.bodies import parse
from tests.support.metrics_stores import metrics_store
from tests.support.objects import decode, manifest, text

LINE = b"x" * 99 + b"\n"
FREE = 80


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_budget, "FREE_BYTES", FREE * len(LINE))
    monkeypatch.setattr(line_budget, "NAMESPACE_BYTES", 10 * len(LINE))
    monkeypatch.setattr(line_budget, "ALL_BYTES", 15 * len(LINE))


def test_a_namespace_has_a_maximum_and_so_have_all() -> None:
    """What is free is printed in any case, and only whole lines are."""
    dropped: list[int] = []
    budget = LineBudget(dropped.append)
    lines = LINE * (FREE + 100)
    fitting = [budget.fit(namespace, f"{namespace}-{n}", {0: lines})[0] for namespace in "abc" for n in "12"]
    counts = [some.count(b"\n") for some in fitting]
    assert [count - FREE for count in counts] == [10, 0, 5, 0, 0, 0]
    assert sum(dropped) == 6 * 100 - 15
    assert budget.fit("c", "c-3", {0: LINE * FREE}) == {0: LINE * FREE}


def test_an_object_keeps_what_it_had_and_only_growth_is_cut() -> None:
    """In another namespace nothing changes; a deleted or a smaller object makes room."""
    budget = LineBudget(lambda _: None)

    def shown(uid: str, more: int, family: int = 0) -> int:
        return budget.fit("a", uid, {family: LINE * (FREE + more)})[family].count(b"\n") - FREE

    assert [shown("1", 6), shown("2", 4), shown("3", 1)] == [6, 4, 0]
    assert [shown("1", 6), shown("1", 7), shown("1", 3, family=1)] == [6, 6, 0]
    assert [shown("1", 2), shown("3", 9)] == [2, 4]
    budget.forget("a", "3")
    budget.forget("a", "unknown")
    assert shown("2", 9) == 8


def test_an_object_beyond_the_budget_is_printed_in_part() -> None:
    """Its other families are whole, and another object is not changed."""
    dropped: list[int] = []
    store = metrics_store(ObjectFamilies(RAYSERVICES), budget=LineBudget(dropped.append))

    def service(name: str, count: int, version: str = "1") -> None:
        deployments = {f"deployment-{n:05}": {"status": "HEALTHY"} for n in range(count)}
        applications = {"app": {"status": "RUNNING", "serveDeploymentStatuses": deployments}}
        status = {"activeServiceStatus": {"rayClusterName": "c", "applicationStatuses": applications}}
        metadata = {"name": name, "uid": name, "resourceVersion": version}
        store.on_change([decode(RAYSERVICES, manifest(status, **metadata))], [])

    def shown(name: str, family: str = "kuberay_service_deployment_status") -> int:
        return sum(f'name="{name}"' in line and line.startswith(family + "{") for line in text(store).splitlines())

    service("large", 500)
    service("honest", 20)
    assert (shown("honest"), shown("large", "kuberay_service_info")) == (20, 1)
    assert 20 < shown("large") == 500 - sum(dropped)
    service("large", 501, version="2")
    assert 20 < shown("large") < 100
    parse(text(store).encode())
