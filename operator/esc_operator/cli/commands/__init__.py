"""The commands of `esc`, one module each; every module has a `command`."""
