"""Lists: repeated until one succeeds, and applied as a difference."""

from typing import TypeVar

from exporter.errors import ApiError, StatusError
from exporter.kube import wire
from exporter.kube.failure_log import is_refusal
from exporter.kube.sync_state import SyncState
from exporter.kube.sync_step import SyncStep

NOT_INSTALLED_SECONDS = 30.0
"""The interval of lists for a CRD that is not installed, and the minimum between two 404 that drop objects."""

REFUSALS_BEFORE_COMPLETE = 3
"""A kind that may not be listed must not keep the others from being served."""

T = TypeVar("T", bound=wire.Object)


class Lister(SyncStep[T]):
    """Applies lists to a store. For one thread."""

    request = "list"
    _missing_since: float | None = None

    def list_until_done(self) -> None:
        """List until a list succeeds; every failure of the API is handled in here."""
        while True:
            self._metrics.list_started()
            started_at = self._clock.monotonic()
            try:
                self._list()
            except ApiError as error:
                if self._is_not_installed(error):
                    self._not_installed(error)
                else:
                    self._missing_since = None
                    self._failed(error, started_at)
            else:
                return

    def _list(self) -> None:
        """Apply a list, whatever its versions: etcd may have been restored from a backup."""
        objects: list[T] = []
        undecodable: set[str] = set()
        version = ""
        for page in self._list_watch.pages():
            version = version or page.metadata.resource_version
            for item in page.items or ():
                obj = self._decoder.decode(item)
                if isinstance(obj, wire.Metadata):
                    undecodable.add(obj.uid)
                else:
                    objects.append(obj)
        self._updater.replace(objects, undecodable)
        self._succeeded(version)

    def _succeeded(self, version: str) -> None:
        state = self._state
        again = state.sync is SyncState.SYNCED
        self._missing_since = None
        self._retries.succeeded()
        self._failures.succeeded()
        state.version = version
        state.failing_since = None
        state.failure = ""
        state.last_sync_time = state.last_event_time = self._clock.time()
        state.sync = SyncState.SYNCED
        self._log.info("listed again" if again else "synced", extra={"objects": len(self._store)})

    def _failed(self, error: ApiError, started_at: float) -> None:
        """Record a failed list, and wait before the next one."""
        if self._state.failing_since is None:
            self._state.failing_since = started_at
        self._state.failure = str(error)
        self._metrics.list_failed()
        self._failures.failed(error)
        if is_refusal(error) and self._failures.refusals >= REFUSALS_BEFORE_COMPLETE:
            self._refused()
        self._retries.after_failure(error, self._failures)

    def _refused(self) -> None:
        # After a list the last state stays.
        if self._state.sync is not SyncState.SYNCED:
            self._state.sync = SyncState.REFUSED

    def _is_not_installed(self, error: ApiError) -> bool:
        """Tell whether the API server itself says so; a 404 of a proxy is a failure like any other."""
        if not isinstance(error, StatusError) or not error.is_not_served:
            return False
        try:
            return not self._list_watch.is_installed()
        except ApiError:
            return False

    def _not_installed(self, error: ApiError) -> None:
        """Record that the CRD is not installed; objects are dropped only after the second such answer.

        A real deletion of a CRD sends DELETED for every object first. A server that is just starting
        may answer 404 for CRDs that it has not read yet.
        """
        now = self._clock.monotonic()
        self._missing_since = now if self._missing_since is None else self._missing_since
        is_confirmed = now - self._missing_since >= NOT_INSTALLED_SECONDS
        if len(self._store) and not is_confirmed:
            self._metrics.list_failed()
            self._failures.failed(error)
        else:
            self._drop_objects()
        self._retries.wait(NOT_INSTALLED_SECONDS)

    def _drop_objects(self) -> None:
        if self._state.sync is not SyncState.NOT_INSTALLED:
            self._log.info("not installed, retrying every %d s", NOT_INSTALLED_SECONDS)
        self._updater.clear()
        self._failures.reset()
        self._state.failing_since = None
        self._state.failure = ""
        self._state.sync = SyncState.NOT_INSTALLED
