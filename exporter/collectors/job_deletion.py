"""What happens to a RayJob and its cluster after its end: rules of deletion, in their two forms."""

from collections.abc import Iterator

from exporter.collectors.values import Values
from exporter.resources.rayjob import RayJobSpec


def deletion_rules(spec: RayJobSpec) -> Values:
    """Return a series for each rule with its seconds; of equal rules the first to apply counts.

    The older `onSuccess` and `onFailure` become rules: KubeRay applies them after `ttlSecondsAfterFinished`.
    """
    rules: dict[tuple[str, str, str], float] = {}
    for labels, seconds in _rules(spec):
        rules[labels] = min(seconds, rules.get(labels, seconds))
    return rules.items()


def _rules(spec: RayJobSpec) -> Iterator[tuple[tuple[str, str, str], float]]:
    strategy = spec.deletion_strategy
    if strategy is None:
        return
    for rule in strategy.deletion_rules or ():
        when = rule.condition
        labels = (when.job_deployment_status or "", when.job_status or "", rule.policy or "")
        yield labels, when.ttl_seconds or 0
    for job_status, older in (("SUCCEEDED", strategy.on_success), ("FAILED", strategy.on_failure)):
        if older is not None and older.policy:
            yield ("", job_status, older.policy), spec.ttl_seconds_after_finished or 0
