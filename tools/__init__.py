"""Programs that write files of this repository, and `make stack`."""
