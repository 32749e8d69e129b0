"""Random faults around a running exporter (`make chaos`), and a million changes (`make endurance`)."""
