"""The address of the page: everything that is shown is in it, so that it can be sent to somebody else."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import urlencode

from exporter.views.views import SORTS, ObjectView

PAGE_SIZE = 100
"""Rows of a page of the table."""

MOST_OPEN = 10
"""Rows that are open at once: each costs a diagnosis of what is related to it."""

LONGEST = 253
"""Of a value: as long as a name can be."""

FILTERS = ("kind", "namespace", "state", "severity", "cause", "label", "healthy", "q")

HEALTHY = "none"
"""`severity` of objects without findings."""

Labels = Callable[[ObjectView], Mapping[str, str]]
"""Returns the labels of an object that may be shown."""


class Address:
    """The parameters of a request, of which the last value counts; an unknown sort or page is the first one."""

    def __init__(self, given: Mapping[str, Sequence[str]]) -> None:
        last = {name: given[name][-1][:LONGEST] for name in (*FILTERS, "sort", "continue") if given.get(name)}
        # A form sends its empty fields, too.
        self.values = {name: value for name, value in last.items() if value}
        self.open = tuple(dict.fromkeys(given.get("open", ())))[-MOST_OPEN:]
        sort = self.get("sort")
        self.is_reversed = sort.startswith("-")
        self.sort = sort.removeprefix("-") if sort.removeprefix("-") in SORTS else "severity"
        start = self.get("continue")
        self.start = int(start) if start.isascii() and start.isdigit() and len(start) < 10 else 0

    def get(self, name: str) -> str:
        """Return a parameter, "" if it is absent."""
        return self.values.get(name, "")

    def link(self, **changes: str) -> str:
        """Return the address with other values and no open rows, on its first page; "" removes a parameter."""
        kept = {name: value for name, value in self.values.items() if name != "continue"} | changes
        return "?" + urlencode({name: value for name, value in kept.items() if value})

    def toggled(self, key: str) -> str:
        """Return the address that opens a row, or closes it."""
        keys = [other for other in self.open if other != key] + [key] * (key not in self.open)
        return "?" + urlencode([*self.values.items(), *(("open", one) for one in keys)])

    def sorted_by(self, name: str) -> str:
        """Return the address with this order, or with the reverse one if it has this order."""
        is_present = name == self.sort and not self.is_reversed
        return self.link(sort=f"-{name}" if is_present else "" if name == "severity" else name)

    def select(self, views: Iterable[ObjectView], labels: Labels, *without: str) -> list[ObjectView]:
        """Return the objects that pass all filters, but for those named `without`, in the order asked for."""
        tests = [_TESTS[name](value) for name, value in self.values.items() if name in _TESTS.keys() - without]
        found = [view for view in views if all(test(view) for test in tests)]
        if label := self.get("label"):
            name, _, value = label.partition("=")
            found = [view for view in found if labels(view).get(name) == value]
        if key := SORTS[self.sort]:
            found.sort(key=key)
        return found[::-1] if self.is_reversed else found


def _has_text(text: str) -> Callable[[ObjectView], bool]:
    text = text.lower()

    def test(view: ObjectView) -> bool:
        texts = [view.name]
        for one in view.findings:
            texts += [one.sentence, *(evidence.message for evidence in one.evidence)]
        return any(text in other.lower() for other in texts)

    return test


_TESTS: dict[str, Callable[[str], Callable[[ObjectView], bool]]] = {
    "kind": lambda value: lambda view: view.kind == value,
    "namespace": lambda value: lambda view: value in view.namespace,
    "state": lambda value: lambda view: view.state in value.split(","),
    "severity": lambda value: lambda view: (view.severity or HEALTHY) == value,
    "cause": lambda value: lambda view: any(one.cause == value for one in view.findings),
    "healthy": lambda value: lambda view: view.healthy is (value == "true"),
    "q": _has_text,
}
