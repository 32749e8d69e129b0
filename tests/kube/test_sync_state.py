"""What is known about a collection."""

import pytest

from exporter.kube.sync_state import InformerState, SyncState


@pytest.mark.parametrize("state", SyncState)
def test_all_but_the_first_state_are_complete(state: SyncState) -> None:
    """What the store holds may be served: it cannot look like a deletion."""
    assert state.is_complete is (state is not SyncState.LISTING)


@pytest.mark.parametrize("state", SyncState)
def test_only_a_collection_that_was_never_listed_becomes_incomplete(state: SyncState) -> None:
    """A later failure takes nothing away from what is known."""
    informer = InformerState("rayjobs", state)
    informer.mark_incomplete()
    assert informer.sync is (SyncState.INCOMPLETE if state is SyncState.LISTING else state)


def test_a_new_collection_is_not_known() -> None:
    """Neither listed nor watched, and its times are those of nothing."""
    state = InformerState("rayjobs")
    assert (state.sync, state.is_connected, state.failing_since) == (SyncState.LISTING, False, None)
    assert state.last_sync_time == state.last_event_time == 0.0
