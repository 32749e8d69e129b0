"""The documentation of causes, of the API's fields, and the runbooks that findings point to."""

import re
from pathlib import Path

from exporter.diagnosis.causes import CAUSES, Cause
from tools.diagnosis_docs import PAGE, diagnosis_page

DOCS = Path(__file__).parents[2] / "docs"


def test_page_is_generated() -> None:
    """docs/diagnosis.md is what `make docs` writes."""
    assert PAGE.read_text() == diagnosis_page()


def test_every_cause_has_a_row() -> None:
    """The list is closed: a cause without texts could not be shown."""
    assert set(CAUSES) == set(Cause)


def test_runbooks_exist() -> None:
    """Each anchor is a heading of docs/runbooks.md."""
    headings = {line.strip("# ").lower() for line in (DOCS / "runbooks.md").read_text().splitlines() if "#" in line[:1]}
    assert {row.runbook for row in CAUSES.values() if row.runbook} <= headings


def test_texts_are_sentences() -> None:
    """Meaning and advice end with a full stop, and have no line break."""
    texts = [text for row in CAUSES.values() for text in (row.meaning, row.advice)]
    assert all(re.fullmatch(r"[A-Z][^\n]*\.", text) or text.endswith(("--previous.", "pods.")) for text in texts)
