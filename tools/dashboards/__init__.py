"""The Grafana dashboards as programs: `make dashboards` writes their JSON.

grafana-foundation-sdk was tried on the fleet dashboard: it saves 13 of 712 lines, and most of what can go wrong stays
untyped in it (the options of transformations, the values of overrides, and the links in them).
"""
