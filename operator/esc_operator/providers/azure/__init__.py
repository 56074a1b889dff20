"""Azure: its login, and its one error translator."""
