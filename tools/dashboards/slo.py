"""The dashboard `KubeRay / SLO`: how many RayJobs succeed and start in time, and what is left of the error budgets."""

from tools.dashboards.board import Row, Variable, dashboard
from tools.dashboards.panels import ORANGE, RED, Column, Json, Panel, Query, bars, lines, table
from tools.dashboards.queries import FLEET

BUDGET = "namespace_label_team_sli:kuberay_jobs_budget:ratio"
BAD = "namespace_label_team_sli:kuberay_jobs_bad:ratio"
VALID, GOOD = (
    "namespace_label_team_sli:kuberay_jobs_valid:count5m",
    "namespace_label_team_sli:kuberay_jobs_good:count5m",
)

SLIS = {"success": "success", "start": "time to start"}
"""What is measured, by the value of the label `sli`."""

SERIES = "{{namespace}} {{label_team}}"

BURNING = ((1, ORANGE), (6, RED))


def board() -> Json:
    return dashboard(
        "kuberay-slo",
        "KubeRay / SLO",
        "Objectives of RayJobs, by namespace and team. Requires the rules of the group slo, and 28 days of data.",
        [Variable("namespace", "Namespace", "label_values(kuberay_job_info, namespace)")],
        [Row(text.capitalize(), _of(sli, text)) for sli, text in SLIS.items()],
        time="now-28d",
    )


def _of(sli: str, text: str) -> list[Panel]:
    where = f'sli="{sli}"'

    def each(expr: str) -> str:
        return f"max by (namespace, label_team) ({expr})"

    def bad(window: str) -> str:
        return FLEET.of(f"{BAD}{window}", where)

    def burn(window: str) -> str:
        return f"{bad(window)} / {FLEET.of(BUDGET, where)}"

    return [
        table(
            f"Objective: {text}",
            "Share of good jobs, and the part of the error budget that is left; below 0 the objective is missed.",
            ["namespace", "label_team"],
            [
                Column("jobs in 28 d", each(f"sum_over_time({FLEET.of(VALID, where)}[28d])"), "short"),
                Column("good in 7 d", each(f"1 - {bad('7d')}"), "percentunit"),
                Column("good in 28 d", each(f"1 - {bad('28d')}"), "percentunit"),
                Column("budget left", each(f"1 - {burn('28d')}"), "percentunit"),
            ],
            sort="budget left",
            ascending=True,
            width=24,
        ),
        lines(
            f"Burn rate: {text}",
            "How many times as fast as allowed the budget is used, in six hours: the fast alert fires above 6.",
            Query(SERIES, burn("6h")),
            steps=BURNING,
        ),
        bars(
            f"Jobs: {text}",
            "Jobs that count, good and bad.",
            Query("good", f"sum(sum_over_time({FLEET.of(GOOD, where)}[$__interval]))"),
            Query(
                "bad",
                f"sum(sum_over_time({FLEET.of(VALID, where)}[$__interval]))"
                f" - sum(sum_over_time({FLEET.of(GOOD, where)}[$__interval]))",
            ),
        ),
    ]
