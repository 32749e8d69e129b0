"""What is found in all scenes, and what findings say, in one file."""

import pytest

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.finding import Finding
from tools.sentences import FILE, Objects, findings, scene, scenes

SCENES = dict(scenes())
FINDINGS = list(findings())
REVIEWED = {text.split("\n")[0].removeprefix("# "): text for text in FILE.read_text().removesuffix("\n").split("\n\n")}


@pytest.mark.parametrize(("name", "objects"), SCENES.items(), ids=SCENES)
def test_scene(name: str, objects: Objects) -> None:
    """Its objects, their pods and Events give exactly these findings, in these words; `make sentences` writes them."""
    assert scene(name, objects) == f"{REVIEWED[name]}\n"


def test_every_scene_is_reviewed() -> None:
    """The file has no other; after a change, `make sentences` writes it again."""
    assert list(REVIEWED) == list(SCENES)


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
