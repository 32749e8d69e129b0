"""`python -m tests.chaos`: run campaigns of random faults, print a report; the exit code is 1 if anything is wrong."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.campaign import Campaign

FAULTS_A_ROUND = 80
"""About two of three take effect: the exporter requests little while most requests fail."""


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(seed: int, faults: int) -> bool:
    """Run one campaign; return whether nothing was lost and nothing diverged."""
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Campaign(Path(folder), seed) as campaign:
        watcher = campaign.watcher
        while campaign.ordered < faults:
            campaign.round(min(FAULTS_A_ROUND, faults - campaign.ordered))
            done = f"seed {seed}: {campaign.ordered} faults, {watcher.scrapes} scrapes"
            say("; ".join([done, f"quiet after {campaign.quiet_seconds[-1]:.0f} s", *watcher.wrong]))
        usage = campaign.usage[-1] if campaign.usage else "no quiet"
        campaign.finish()
    seconds, quiets = time.monotonic() - started_at, campaign.quiet_seconds
    rows = (f"| {name} | {count} |\n" for name, count in sorted(campaign.faults.items()))
    say(f"\n| fault (seed {seed}) | took effect |\n|---|---|\n{''.join(rows)}")
    say(
        f"seed {seed}: {faults} faults, {sum(campaign.faults.values())} took effect, "
        f"in {seconds:.0f} s; {watcher.scrapes} scrapes, {watcher.lost} lost; "
        f"{len(quiets)} quiets, {campaign.diverged} diverged, the longest {max(quiets):.0f} s; "
        f"at most {campaign.highest_rate:.1f} requests a second in an outage; {usage}"
    )
    for what in watcher.wrong:
        say(f"WRONG: {what}")
    return not watcher.wrong


def main() -> None:
    parser = argparse.ArgumentParser(prog="make chaos", description=(__doc__ or "").split(": ")[1])
    parser.add_argument("--faults", type=int, default=1000, help="number of faults in each campaign")
    parser.add_argument("--seed", type=int, default=1, help="of the first campaign: it repeats a failure")
    parser.add_argument("--seeds", type=int, default=1, help="number of campaigns, one after the other")
    arguments = parser.parse_args()
    results = [run(arguments.seed + number, arguments.faults) for number in range(arguments.seeds)]
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
