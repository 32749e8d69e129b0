"""What is found in all scenes, and what findings say, in one file."""

from exporter.diagnosis.causes import Cause
from tools.sentences import FILE, findings, scene, scenes

SCENES = dict(scenes())
FINDINGS = list(findings())
REVIEWED = {text.split("\n")[0].removeprefix("# "): text for text in FILE.read_text().removesuffix("\n").split("\n\n")}


def test_scenes() -> None:
    """Objects, their pods and Events give exactly these findings, in these words; `make sentences` writes them."""
    assert {name: scene(name, objects).removesuffix("\n") for name, objects in SCENES.items()} == REVIEWED
    assert list(REVIEWED) == list(SCENES)


def test_every_cause_is_said() -> None:
    """Each has a scene."""
    assert {found.cause for _, found in FINDINGS} == set(Cause)


def test_findings_are_complete() -> None:
    """A sentence that begins with a capital letter and has no kind's name and no second full stop, and a command."""
    for name, found in FINDINGS:
        assert found.sentence[:1] == found.sentence[:1].upper(), name
        assert found.sentence.endswith((".", "…")), name
        assert not found.sentence.endswith(".."), name
        assert found.command.startswith("kubectl "), name
        assert "{" not in found.command, name
        assert found.advice == found.cause.advice, name
