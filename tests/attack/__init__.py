"""A campaign of attacks on a running exporter: hostile objects, clients and API servers (`make attack`)."""
