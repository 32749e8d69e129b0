"""What findings say, in one file."""

import pytest

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.finding import Finding
from tools.sentences import FILE, findings, sentences

FINDINGS = list(findings())


def test_sentences_are_reviewed() -> None:
    """The file has what the diagnosis says; after a change, `make sentences` writes it again."""
    assert FILE.read_text() == sentences()


def test_every_cause_is_said() -> None:
    """Each has a scene."""
    assert {found.cause for _, found in FINDINGS} == set(Cause)


@pytest.mark.parametrize(("name", "found"), FINDINGS, ids=[f"{name}, {found.cause}" for name, found in FINDINGS])
def test_finding_is_complete(name: str, found: Finding) -> None:
    """A sentence that begins with a capital letter and has no kind's name and no second full stop, and a command."""
    assert found.sentence[:1] == found.sentence[:1].upper()
    assert found.sentence.endswith((".", "…"))
    assert not found.sentence.endswith("..")
    assert found.command.startswith("kubectl ")
    assert "{" not in found.command
    assert found.advice == found.cause.advice
