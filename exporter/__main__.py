"""`python -m exporter` is `kuberay-exporter`."""

from exporter.cli import main

main()
