"""What is asked for over time: counters compared with an exact integral, by cluster and by namespace."""

import threading
from fractions import Fraction
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from exporter.collectors.raycluster import RAYCLUSTERS
from exporter.exposition.exposition import Exposition
from exporter.exposition.text import Format
from exporter.families.integrals import Integrals
from exporter.families.namespaces import EMPTY_NAMESPACE_SECONDS
from exporter.families.object_families import ObjectFamilies
from tests.support.bodies import parse
from tests.support.clusters import ASKED, WORKERS, Clusters, cluster
from tests.support.metrics_stores import metrics_store
from tests.support.objects import decode, manifest, text

OF_CLUSTERS, OF_NAMESPACES = "kuberay_cluster_requested_", "kuberay_clusters_requested_"


def test_a_cluster_prints_what_it_asked_for() -> None:
    """To the letter: amounts times seconds, by cluster and by namespace."""
    clusters = Clusters().on_list(cluster(**ASKED, **WORKERS)).after(10)
    identity = 'name="c1",namespace="ns",uid="1"'
    assert clusters.lines() == [
        f"cluster_requested_gpu_seconds_total{{{identity}}} 80",
        f"cluster_requested_tpu_seconds_total{{{identity}}} 40",
        'clusters_requested_cpu_core_seconds_total{namespace="ns"} 15',
        'clusters_requested_memory_byte_seconds_total{namespace="ns"} 21474836480',
        'clusters_requested_gpu_seconds_total{namespace="ns"} 80',
        'clusters_requested_tpu_seconds_total{namespace="ns"} 40',
        'clusters_requested_worker_seconds_total{namespace="ns"} 30',
        'clusters_ready_worker_seconds_total{namespace="ns"} 20',
    ]


def test_counters_have_their_headers_in_both_formats() -> None:
    """Valid, typed as counters, with a HELP that ends in a full stop."""
    head = {"template": {"spec": {"containers": [{"resources": {"limits": {"google.com/tpu": "4"}}}]}}}
    clusters = Clusters().on_list(cluster(spec={"headGroupSpec": head}, **ASKED, **WORKERS)).after(3)
    exposition = Exposition([clusters.store], CollectorRegistry())
    families = parse(bytes(exposition.body(Format.OPENMETRICS)), openmetrics=True)
    assert families == parse(bytes(exposition.body(Format.TEXT)))
    grown = {name for name in families if name.startswith((OF_CLUSTERS, OF_NAMESPACES))}
    assert len(grown) == 9
    body = bytes(exposition.body(Format.TEXT)).decode()
    assert all(f"# TYPE {row.name} counter\n" in body for row in RAYCLUSTERS.integrals)
    assert all(row.help.endswith(").") for row in RAYCLUSTERS.integrals)


def test_a_cluster_that_never_asked_for_something_has_no_series_of_it() -> None:
    """Most clusters have no TPUs; one that is suspended from its creation has no series at all."""
    clusters = Clusters().on_list(cluster(desiredGPU="1", desiredTPU="0")).after(10)
    assert [line.split("{")[0] for line in clusters.lines()] == [
        "cluster_requested_gpu_seconds_total",
        "clusters_requested_gpu_seconds_total",
    ]
    assert Clusters().on_list(cluster(spec={"suspend": True}, **ASKED)).after(10).lines() == []


Step = tuple[float, str, dict[str, Any] | None, Fraction]
"""Seconds, uid, its new version (None: deleted), and the GPUs that it asks for from then on."""

TIMELINE: tuple[Step, ...] = (
    (0.0, "1", cluster("1", desiredGPU="100m"), Fraction(1, 10)),
    (7.3, "2", cluster("2", desiredGPU="2"), Fraction(2)),
    (0.01, "1", cluster("1", desiredGPU="1100m"), Fraction(11, 10)),
    (61.0, "2", cluster("2", desiredGPU="2", state="ready"), Fraction(2)),
    (3600.0, "1", cluster("1", desiredGPU="1100m", spec={"suspend": True}), Fraction(0)),
    (0.125, "3", cluster("3", desiredGPU="64"), Fraction(64)),
    (90.0, "1", cluster("1", desiredGPU="300m"), Fraction(3, 10)),
    (30.5, "2", None, Fraction(0)),
    (86400.0, "3", cluster("3", desiredGPU="0"), Fraction(0)),
    (1.0, "3", cluster("3", desiredGPU="-5"), Fraction(0)),
    (5.0, "3", None, Fraction(0)),
    (12.0, "1", None, Fraction(0)),
)


def test_counters_are_the_exact_integral_over_a_timeline() -> None:
    """Resized, suspended, resumed, deleted: at every moment the sum of amount times seconds, rounded down.

    And never less than before.
    """
    clusters = Clusters().on_list()
    asked: dict[str, Fraction] = {}
    integrals: dict[str, Fraction] = {}
    last = 0.0
    for seconds, uid, version, gpus in TIMELINE:
        for part in (Fraction(seconds) / 4, Fraction(seconds) * 3 / 4):
            clusters.after(float(part))
            for each, amount in asked.items():
                integrals[each] = integrals.get(each, Fraction(0)) + amount * part
            if asked:
                total = clusters.counter("clusters_requested_gpu")
                assert total == pytest.approx(float(sum(integrals.values())) - 0.5, rel=1e-9, abs=0.501)
                assert total >= last
                assert clusters.exact("kuberay_clusters_requested_gpu_seconds_total") == pytest.approx(
                    float(sum(integrals.values())), rel=1e-12
                )
                last = total
        clusters.change(*[version] if version else [], removed=() if version else (uid,))
        asked[uid] = gpus
        printed = [line for line in clusters.lines() if line.startswith("cluster_requested_gpu")]
        assert {line.split('uid="')[1][0]: float(line.rpartition(" ")[2]) for line in printed} == {
            each: pytest.approx(float(integrals.get(each, 0)) - 0.5, rel=1e-9, abs=0.501) for each in clusters.present
        }
    assert clusters.after(1000).counter("clusters_requested_gpu") == last


def test_amounts_that_come_and_go_leave_no_residue() -> None:
    """0.1 + 0.2 - 0.1 - 0.2 is not 0 in floats: a namespace without clusters would go on, or even back."""
    clusters = Clusters().on_list(*[cluster(str(n), desiredCPU=f"{n}00m") for n in range(1, 8)]).after(10)
    clusters.change(removed=tuple(str(n) for n in range(7, 0, -1)))
    before = clusters.counter("clusters_requested_cpu")
    assert clusters.after(3600).counter("clusters_requested_cpu") == before == 28.0


def test_the_largest_amounts_are_added_exactly() -> None:
    """Larger ones make the object undecodable: whoever writes a status must not hide all others in a counter."""
    clusters = Clusters().on_list(cluster("1", desiredCPU="1e9"), cluster("2", desiredCPU="1e9")).after(1e6 + 1)
    assert clusters.failures == 0
    assert clusters.counter("clusters_requested_cpu") == 2e9 * (1e6 + 1)


def test_a_version_that_cannot_be_rendered_leaves_the_last_amount() -> None:
    """As after an undecodable version, which never comes here: what was last known goes on counting."""
    clusters = Clusters().on_list(cluster(desiredGPU="2")).after(10)
    clusters.integrals.observe = lambda *_: 1 / 0  # type: ignore[method-assign, assignment]
    clusters.change(cluster(desiredGPU="100")).after(10)
    assert (clusters.counter("cluster_requested_gpu"), clusters.failures) == (40, 1)


def test_a_deleted_cluster_leaves_what_it_asked_for_to_its_namespace() -> None:
    """Its own series end; one of the same name starts at 0; other namespaces are kept apart."""
    other = manifest({"desiredGPU": "1"}, uid="9", namespace="other")
    clusters = Clusters().on_list(cluster(desiredGPU="2"), other).after(10).change(removed=("1",)).after(10)
    assert [line for line in clusters.lines() if "gpu" in line] == [
        'cluster_requested_gpu_seconds_total{name="a",namespace="other",uid="9"} 20',
        'clusters_requested_gpu_seconds_total{namespace="ns"} 20',
        'clusters_requested_gpu_seconds_total{namespace="other"} 20',
    ]
    again = manifest({"desiredGPU": "2"}, uid="2", name="c1")
    assert 'cluster_requested_gpu_seconds_total{name="c1",namespace="ns",uid="2"} 0' in clusters.change(again).lines()


def test_a_namespace_goes_a_day_after_its_last_cluster() -> None:
    """And starts at 0 if it returns."""
    clusters = Clusters().on_list(cluster(desiredGPU="2")).after(10).change(removed=("1",))
    assert clusters.after(EMPTY_NAMESPACE_SECONDS - 1).counter("clusters_requested_gpu") == 20
    assert clusters.after(1).lines() == []
    assert clusters.change(cluster("2", desiredGPU="2")).after(1).counter("clusters_requested_gpu") == 2


def test_integrals_that_are_not_exported_cost_nothing() -> None:
    """No family, nothing kept."""
    clusters = Clusters(allowed="clusters_requested_gpu").on_list(cluster(**ASKED)).after(10)
    assert clusters.lines() == ['clusters_requested_gpu_seconds_total{namespace="ns"} 80']
    nothing = Clusters(allowed="kuberay_job").on_list(cluster(**ASKED)).after(10)
    assert (nothing.lines(), nothing.integrals.by_uid, nothing.integrals.by_namespace) == ([], {}, {})


def test_counters_never_go_down_while_clusters_change() -> None:
    """Scrapes beside changes, by the machine's clock: a lower value would count as a restart of the exporter."""
    store = metrics_store(ObjectFamilies(RAYCLUSTERS, lambda _: False), Integrals(RAYCLUSTERS))
    versions = [decode(RAYCLUSTERS, cluster(desiredGPU=f"{n}Mi", desiredTPU=f"{n}77m")) for n in (1, 99, 3)]
    done = threading.Event()

    def change() -> None:
        for _ in range(300):
            for version in versions:
                store.on_change([version], [])
        done.set()

    writer = threading.Thread(target=change)
    writer.start()
    last: dict[str, int] = {}
    while not done.is_set():
        values = dict(line.rsplit(" ", 1) for line in text(store).splitlines() if line[0] != "#")
        now = {name: int(value) for name, value in values.items()}
        assert all(now[name] >= value for name, value in last.items())
        last = now
    writer.join()
    assert len(last) == 4
