"""What must hold of an attack, and the verdict on what was measured. Nothing here starts or reads anything.

Latencies are allowed MARGIN times the limits of the requirement (200 ms for probes, 1 s for scrapes): the
exporter, the API server and the attackers share the cores of one machine here, in production they do not.
"""

from dataclasses import dataclass, field

MEMORY_MIB = 512
MARGIN = 2.5
HEALTHZ_MS = 200.0
SCRAPE_MS = 1000.0
AFTER_RATIO = 1.2
LOG_LINES = 100


TLS_AFTER_RATIO = 1.7
"""The allocator keeps some 20 MiB that hundreds of TLS connections needed at once; the next ones use them again."""


@dataclass(frozen=True)
class Limits:
    """What one attack may cost.

    Attributes:
        peak_mib: the resident memory at any time.
        peak_ratio: the peak during the attack, relative to the memory before it; None: no such limit.
        after_ratio: the memory when the attack is over and its objects are deleted, relative to the memory before.
        log_lines: lines of output, those of a start and a stop included.
        allows_refusals: scrapes may be answered 503 with Retry-After, because more than --web-max-requests run.
    """

    peak_mib: float = MEMORY_MIB
    peak_ratio: float | None = None
    after_ratio: float = AFTER_RATIO
    log_lines: int = LOG_LINES
    allows_refusals: bool = False


@dataclass
class Latencies:
    """Requests of one honest client: how many, the slowest of them, and what failed."""

    count: int = 0
    max_ms: float = 0.0
    refused: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass
class Measured:
    """What one attack did. `complaints` are the truths of the attack that did not hold."""

    name: str
    seconds: float = 0.0
    before_mib: float | None = None
    peak_mib: float = 0.0
    after_mib: float | None = None
    healthz: Latencies = field(default_factory=Latencies)
    scrapes: Latencies = field(default_factory=Latencies)
    log_lines: int = 0
    log_traces: int = 0
    first_trace: str = ""
    death: str | None = None
    complaints: list[str] = field(default_factory=list)


def verdict(measured: Measured, limits: Limits) -> list[str]:
    """Return why the attack was not withstood; empty if it was."""
    if measured.death:
        # What failed afterwards follows from it.
        return [measured.death, *measured.complaints]
    return [
        *_memory(measured, limits),
        *_latencies("/healthz", measured.healthz, HEALTHZ_MS * MARGIN, allows_refusals=False),
        *_latencies("/metrics", measured.scrapes, SCRAPE_MS * MARGIN, allows_refusals=limits.allows_refusals),
        *_logs(measured, limits),
        *measured.complaints,
    ]


def _memory(measured: Measured, limits: Limits) -> list[str]:
    reasons = []
    before, peak, after = measured.before_mib, measured.peak_mib, measured.after_mib
    if peak > limits.peak_mib:
        reasons.append(f"memory reached {peak:.0f} MiB, {limits.peak_mib:.0f} are allowed")
    if before and limits.peak_ratio and peak > before * limits.peak_ratio:
        reasons.append(f"memory rose to {peak / before:.2f} times that before, {limits.peak_ratio} is allowed")
    if before and after and after > before * limits.after_ratio:
        reasons.append(f"memory after is {after / before:.2f} times that before, {limits.after_ratio} is allowed")
    return reasons


def _latencies(path: str, latencies: Latencies, limit_ms: float, *, allows_refusals: bool) -> list[str]:
    reasons = []
    if latencies.failures:
        reasons.append(f"{len(latencies.failures)} of {latencies.count} {path} failed: {latencies.failures[0]}")
    if latencies.refused and not allows_refusals:
        reasons.append(f"{latencies.refused} of {latencies.count} {path} were answered 503")
    if latencies.max_ms > limit_ms:
        reasons.append(f"{path} took {latencies.max_ms:.0f} ms, {limit_ms:.0f} are allowed")
    return reasons


def _logs(measured: Measured, limits: Limits) -> list[str]:
    reasons = []
    if measured.log_lines > limits.log_lines:
        reasons.append(f"{measured.log_lines} log lines, {limits.log_lines} are allowed")
    if measured.log_traces:
        reasons.append(f"{measured.log_traces} stack traces in the log, the first: {measured.first_trace}")
    return reasons


HEAD = (
    "| attack | seconds | MiB before | peak | after | healthz max ms | scrape max ms | log lines | verdict |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def row(measured: Measured, reasons: list[str]) -> str:
    """Return one line of the table; a dash is what could not be measured."""
    cells = (
        measured.name,
        f"{measured.seconds:.0f}",
        _number(measured.before_mib),
        _number(measured.peak_mib),
        _number(measured.after_mib),
        _slowest(measured.healthz),
        _slowest(measured.scrapes),
        str(measured.log_lines),
        f"NOT HELD: {'; '.join(reasons)}" if reasons else "held",
    )
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _slowest(latencies: Latencies) -> str:
    return f"{latencies.max_ms:.0f}" if latencies.count else "-"
