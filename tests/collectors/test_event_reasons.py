"""The table of KubeRay's reasons of Events."""

from exporter.collectors.event_reasons import KUBERAY_REASONS
from tools.event_reasons import EVENT_REASONS


def test_the_table_has_every_reason_of_kuberay_once_per_kind() -> None:
    """91 in `constant.go` of v1.7.0; types are those of the API, texts are sentences."""
    assert len(KUBERAY_REASONS) == 91
    assert {row.reason for row in EVENT_REASONS} == KUBERAY_REASONS
    assert len({(row.kind, row.reason) for row in EVENT_REASONS}) == len(EVENT_REASONS)
    assert all(row.meaning.endswith(".") and row.remedy.endswith(".") for row in EVENT_REASONS)
    named = {"Warning": ("Failed", "Invalid"), "Normal": ("Created", "Updated", "Deleted")}
    for row in EVENT_REASONS:
        assert not row.reason.startswith(named["Normal" if row.type == "Warning" else "Warning"]), row.reason
