"""The `explain` command: findings of objects in a cluster, in files, or of a running exporter."""
