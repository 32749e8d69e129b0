"""Writes tests/testdata/chart, the chart rendered with each documented set of values: `make chart-golden`."""

from tests.support.helm_chart import GOLDENS, template, value_sets


def main() -> None:
    for stale in GOLDENS.glob("*.yaml"):
        stale.unlink()
    for name, values in value_sets().items():
        (GOLDENS / f"{name}.yaml").write_text(template(values).text)


if __name__ == "__main__":
    main()
