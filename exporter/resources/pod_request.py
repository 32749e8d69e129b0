"""What a pod requests by name: extended resources, and claims of devices (DRA). The rest of a template is dropped.

An extended resource is whatever a device plugin offers: a GPU, a slice of one, a TPU, a network device. There is no
list of vendors, so that new devices appear by themselves.
"""

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec import Struct

from exporter.resources.meta import bounded_string, cut_parts
from exporter.resources.quantities import parse_quantity

MAX_AMOUNT = 10**9
"""Maximum amount of one container."""

MAX_NAMES = 16
"""Maximum number of names of extended resources of one object, and of claims of one pod; further names are `other`."""

MAX_PROCESS_NAMES = 100
"""Maximum number of names of all objects until the process ends: users choose them, and counters outlive objects."""

MAX_NEW_NAMES = 25
"""How many of them the objects of one namespace can be the first to have: a tenant must not use up those of others."""

_namespaces: dict[str, str] = {}
"""By name: the namespace that had it first."""


class PodRequest(NamedTuple):
    """What one pod requests: names of extended resources with positive amounts, and kind and name of each claim."""

    resources: tuple[tuple[str, int], ...] = ()
    claims: tuple[tuple[str, str], ...] = ()


class _Resources(Struct, frozen=True, gc=False):
    """Any JSON is accepted as a quantity: one that is wrong must not make the object undecodable."""

    limits: Mapping[str, Any] | None = None
    requests: Mapping[str, Any] | None = None


class _Container(Struct, frozen=True, gc=False, rename="camel"):
    resources: _Resources | None = None
    restart_policy: str | None = None


class _Claim(Struct, frozen=True, gc=False, rename="camel"):
    resource_claim_name: str | None = None
    resource_claim_template_name: str | None = None


class _PodSpec(Struct, frozen=True, gc=False, rename="camel"):
    containers: tuple[_Container, ...] | None = None
    init_containers: tuple[_Container, ...] | None = None
    resource_claims: tuple[_Claim, ...] | None = None


class PodTemplate(Struct, frozen=True, gc=False):
    """The template of a group's pods, while it is decoded."""

    spec: _PodSpec | None = None

    @property
    def request(self) -> PodRequest | None:
        """What each pod requests, with any number of names; None if that is nothing. What is skipped is counted."""
        spec = self.spec
        if spec is None:
            return None
        keys: list[str] = []
        for container in (spec.containers or ()) + (spec.init_containers or ()):
            if (resources := container.resources) is not None:
                keys += resources.limits or ()
                keys += resources.requests or ()
        # Most pods request CPU and memory only.
        if "/" not in "".join(keys) and not spec.resource_claims:
            return None
        claims = [
            ("template", claim.resource_claim_template_name)
            if claim.resource_claim_template_name
            else ("claim", claim.resource_claim_name or "")
            for claim in spec.resource_claims or ()
        ]
        cut_parts.entries += max(len(claims) - MAX_NAMES, 0)
        kept = tuple([(kind, bounded_string(name)) for kind, name in claims[:MAX_NAMES] if name])
        request = PodRequest(tuple(sorted(_amounts(spec).items())), kept)
        return request if any(request) else None


def bounded(requests: list[PodRequest], namespace: str) -> list[PodRequest]:
    """Return what the pods of one object request, with a bounded number of names; each further one is counted."""
    names = {name: None for request in requests for name, _ in request.resources}
    own = list(names)[:MAX_NAMES]
    if new := [name for name in own if name not in _namespaces]:
        of_namespace = list(_namespaces.values()).count(namespace)
        left = min(MAX_NEW_NAMES - of_namespace, MAX_PROCESS_NAMES - len(_namespaces))
        _namespaces.update(dict.fromkeys(new[: max(left, 0)], namespace))
    cut = names.keys() - (_namespaces.keys() & own)
    cut_parts.entries += len(cut)
    return [_share(_without(cut, request) if cut else request) for request in requests]


@lru_cache(maxsize=1024)
def _share(request: PodRequest) -> PodRequest:
    """Return the first of equal ones."""
    return request


def _without(cut: set[str], request: PodRequest) -> PodRequest:
    amounts = Counter[str]()
    for name, amount in request.resources:
        amounts["other" if name in cut else name] += amount
    return request._replace(resources=tuple(sorted(amounts.items())))


def _amounts(spec: _PodSpec) -> Counter[str]:
    """Return the amounts by name as the scheduler counts them (k8s.io/component-helpers, `resource/helpers.go`).

    Sidecars run beside the containers; an ordinary init container runs beside the sidecars that come before it.
    """
    running, peak = Counter[str](), Counter[str]()
    for container in spec.init_containers or ():
        own = _of_container(container)
        if container.restart_policy == "Always":
            running.update(own)
        else:
            # Other names of the sidecars are in the sum at the end: to add them here would take a quadratic time.
            peak.update({name: max(running[name] + own[name] - peak[name], 0) for name in own})
    for container in spec.containers or ():
        running.update(_of_container(container))
    return peak | running


def _of_container(container: _Container) -> dict[str, int]:
    """Return the limit of each name, or else the request."""
    found: dict[str, int] = {}
    resources = container.resources or _Resources()
    for name, quantity in {**(resources.requests or {}), **(resources.limits or {})}.items():
        if "/" in name and "kubernetes.io/" not in name and not name.startswith("requests."):
            if (amount := _whole(quantity)) is None:
                cut_parts.entries += 1
            else:
                found[bounded_string(name)] = amount
    return found


def _whole(quantity: Any) -> int | None:
    """Return a number of devices; None for a fraction, a negative or huge number, or anything else."""
    try:
        amount = parse_quantity(quantity) if isinstance(quantity, (str, int, float)) else -1.0
    except ValueError:
        return None
    return int(amount) if 0 <= amount <= MAX_AMOUNT and amount.is_integer() else None
