"""RayCluster: what decoding normalizes, and what it refuses."""

from typing import Any

import msgspec
import pytest

from exporter.collectors.raycluster import RAYCLUSTERS
from exporter.errors import DecodeError
from exporter.kube import wire
from exporter.resources.raycluster import RayCluster, WorkerGroupSpec
from tests.support.objects import decode, manifest


@pytest.mark.parametrize(
    ("spec", "is_suspended"),
    [
        ({}, False),
        ({"suspend": True}, True),
        ({"suspend": False, "idleSuspend": True}, True),
        ({"idleSuspend": {"after": "1h"}}, False),
        ({"idleSuspend": "yes"}, False),
        ({"suspend": None, "idleSuspend": None}, False),
    ],
)
def test_suspension_is_requested_by_a_user_or_by_the_autoscaler(spec: dict[str, Any], is_suspended: bool) -> None:
    """A form of idleSuspend that KubeRay may choose later is accepted, and is no suspension."""
    assert decode(RAYCLUSTERS, manifest() | {"spec": spec}).spec.is_suspended is is_suspended


def test_an_empty_scale_strategy_is_dropped() -> None:
    """The operator fills it in for nearly every group."""
    empty = msgspec.convert({"scaleStrategy": {"scaleGate": []}}, WorkerGroupSpec)
    gated = msgspec.convert({"scaleStrategy": {"scaleGate": [{"name": "quota"}]}}, WorkerGroupSpec)
    assert empty.scale_strategy is None
    assert gated.scale_strategy is not None


@pytest.mark.parametrize("field", ["desiredCPU", "desiredMemory", "desiredGPU", "desiredTPU"])
def test_an_invalid_quantity_makes_the_object_undecodable(field: str) -> None:
    """Here and not when it is exported: that would count as a fault of the exporter."""
    raw = msgspec.json.encode(manifest({field: "1.2.3Gi"}))
    with pytest.raises(DecodeError, match=r"couldn't parse quantity '1.2.3Gi'.*status"):
        wire.decode(msgspec.json.Decoder(RayCluster), raw)


def test_null_is_absent() -> None:
    """Every field of spec and status; a template may write it."""
    fields = ("conditions", "state", "stateTransitionTimes", "desiredCPU", "head", "readyWorkerReplicas")
    cluster = decode(RAYCLUSTERS, manifest(dict.fromkeys(fields)) | {"spec": {"workerGroupSpecs": None}})
    assert cluster.status == decode(RAYCLUSTERS, manifest({})).status
    assert cluster.spec.worker_group_specs is None
    assert decode(RAYCLUSTERS, manifest() | {"spec": None, "status": None}).status is None
