"""The Grafana dashboards as a program: `make dashboards`."""
