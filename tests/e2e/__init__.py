"""End-to-end tests: the exporter as a process, against a real API server and etcd (docs/testing.md)."""
