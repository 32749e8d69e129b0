"""The label that distinguishes clusters, in every query, variable and link of a dashboard.

The modules of the dashboards write queries of one cluster. `board` passes them through these functions, so that no
query can miss the label. Where series have no such label, the results are the same as without it: `.*` matches its
absence, and a grouping by an absent label changes nothing.
"""

import re

LABEL = "cluster"
"""The chart's default of `prometheusRule.externalLabels`. The chart's template replaces it in the files."""

_GROUPING = re.compile(r"\b((?:by|on) \([^)]*?)\bnamespace\b")
_SELECTION = re.compile(r'namespace=~"\$namespace\|?"')
_MATCHER = f'{LABEL}=~"${LABEL}"'


def query(expr: str) -> str:
    """Return a query that selects clusters and keeps them apart."""
    grouped = _GROUPING.sub(rf"\1{LABEL}, namespace", expr)
    return _SELECTION.sub(lambda selection: f"{_MATCHER}, {selection[0]}", grouped)


def legend(text: str) -> str:
    """Return a legend that ends with the cluster, if it distinguishes namespaces."""
    return f"{text} {{{{{LABEL}}}}}" if "{{namespace}}" in text else text


def values_of(expr: str) -> str:
    """Return the query of a variable, limited to the selected clusters."""
    family, brace, rest = expr.partition("{")
    if brace:
        return f"{family}{{{_MATCHER}, {rest}"
    return re.sub(r"\((\w+),", rf"(\1{{{_MATCHER}}},", expr)
