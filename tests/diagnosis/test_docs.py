"""The documentation of causes, of the API's fields, and the runbooks that findings point to."""

import re
from pathlib import Path

import msgspec

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.finding import Evidence, Finding
from exporter.views.views import ConditionRow, EventRow, ObjectPage, ObjectView, PodRow, Reference
from exporter.web.snapshot import Hour, KindSummary, Summary
from tools import stability
from tools.diagnosis_docs import PAGE, diagnosis_page

DOCS = Path(__file__).parents[2] / "docs"


def test_page_is_generated() -> None:
    """docs/diagnosis.md is what `make docs` writes."""
    assert PAGE.read_text() == diagnosis_page()


def test_runbooks_exist() -> None:
    """Each anchor is a heading of docs/runbooks.md."""
    headings = {line.strip("# ").lower() for line in (DOCS / "runbooks.md").read_text().splitlines() if "#" in line[:1]}
    assert {row.runbook for row in Cause if row.runbook} <= headings


def test_texts_are_sentences() -> None:
    """Meaning and advice end with a full stop, and have no line break."""
    texts = [text for row in Cause for text in (row.meaning, row.advice)]
    assert all(re.fullmatch(r"[A-Z][^\n]*\.", text) or text.endswith(("--previous.", "pods.")) for text in texts)


def test_every_field_of_the_api_is_documented() -> None:
    """docs/api.md names each field as it is in the JSON."""
    page = (DOCS / "api.md").read_text()
    structs: list[type[msgspec.Struct]] = [ObjectView, ObjectPage, Summary, KindSummary, Hour, Finding, Evidence]
    structs += [ConditionRow, PodRow, EventRow, Reference]
    names = {field.encode_name for struct in structs for field in msgspec.structs.fields(struct)}
    names |= set(re.findall(r"\.(\w+)", stability.api()))
    assert {name for name in names if f"`{name}`" not in page and f'"{name}"' not in page} == set()
