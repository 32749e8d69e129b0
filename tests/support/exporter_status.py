"""A status of the exporter that tests set."""

from exporter.web.status import KindStatus


class FakeStatus:
    """A status that tests set."""

    not_ready: str | None = None
    not_alive: str | None = None
    missing: tuple[str, ...] = ()
    stale_since: float | None = None
    problem: str = ""

    def why_not_ready(self) -> str | None:
        return self.not_ready

    def incomplete(self) -> list[str]:
        return list(self.missing)

    def why_not_alive(self) -> str | None:
        return self.not_alive

    def kinds(self) -> list[KindStatus]:
        return [KindStatus("rayjobs in <ns>", 7, "watching <b>", 1_700_000_000.0, self.stale_since, self.problem)]
