"""Azure: its login, and the one translator of its errors."""
