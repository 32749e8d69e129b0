"""Tests of the chart and the sidecar, as helm and kustomize render them (`make chart`)."""
