"""`python -m tests.attack`: run the campaign, print a row for each attack; the exit code is 1 if one is not held.

Everything runs on loopback: the API server and the attackers in this process, the exporter and its honest
clients in processes of their own.
"""

import argparse
import resource
import sys
from dataclasses import replace

from tests.attack.clients import CLIENTS
from tests.attack.connections import CONNECTIONS
from tests.attack.contents import CONTENTS
from tests.attack.hostile import HOSTILE
from tests.attack.judge import HEAD, HEALTHZ_MS, MARGIN, MEMORY_MIB, SCRAPE_MS, TLS_AFTER_RATIO, row, verdict
from tests.attack.objects import OBJECTS
from tests.attack.process import PROCESS
from tests.attack.scene import Attack, run
from tests.attack.server import SERVER
from tests.attack.shares import SHARES
from tests.attack.tenants import TENANTS
from tests.attack.tls import TLS

ATTACKS: tuple[type[Attack], ...] = (
    *OBJECTS,
    *TENANTS,
    *CONTENTS,
    *CLIENTS,
    *SHARES,
    *CONNECTIONS,
    *TLS,
    *SERVER,
    *HOSTILE,
    *PROCESS,
)

DESCRIPTORS = 8192
"""Of this process: it holds the clients' ends of thousands of connections."""


def say(line: str) -> None:
    """Print a line at once: a row is of use while the next one runs."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def chosen(names: list[str], *, is_short: bool) -> list[Attack]:
    """Return the attacks of these names, or of the form that is asked for."""
    return [kind() for kind in ATTACKS if (kind.name in names if names else kind.is_short or not is_short)]


def campaign(attacks: list[Attack], *, over_tls: bool = False) -> bool:
    """Run the attacks and print the table; return whether all were held."""
    say(
        f"Memory up to {MEMORY_MIB} MiB (resident, polled). /healthz within {HEALTHZ_MS:.0f} ms and /metrics within "
        f"{SCRAPE_MS / 1000:.0f} s are allowed {MARGIN} times as long, because all shares this machine.\n\n{HEAD}"
    )
    are_held = True
    for attack in attacks:
        measured = run(attack, over_tls=over_tls)
        limits = replace(attack.limits, after_ratio=TLS_AFTER_RATIO) if over_tls else attack.limits
        reasons = verdict(measured, limits)
        are_held &= not reasons
        say(row(measured, reasons))
    return are_held


def main() -> None:
    parser = argparse.ArgumentParser(prog="make attack", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--short", action="store_true", help="only the attacks that take seconds, for every change")
    parser.add_argument("--tls", action="store_true", help="the exporter and all its clients speak TLS")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", choices=[a.name for a in ATTACKS])
    parser.add_argument("--list", action="store_true", help="print the attacks and what they are, and run none")
    arguments = parser.parse_args()
    attacks = chosen(arguments.only, is_short=arguments.short)
    if arguments.list:
        for attack in attacks:
            say(f"{attack.name:18} {(attack.__doc__ or '').splitlines()[0]}")
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, DESCRIPTORS), hard), hard))
    sys.exit(not campaign(attacks, over_tls=arguments.tls))


if __name__ == "__main__":
    main()
