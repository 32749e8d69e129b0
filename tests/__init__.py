"""Tests of kuberay-exporter: folders mirror `exporter`; docs/testing.md says what each kind needs."""
