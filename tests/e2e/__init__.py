"""End-to-end tests: the exporter as a process, with a real API server and etcd (docs/testing.md)."""
