"""Google Cloud: its login, and its one error translator."""
