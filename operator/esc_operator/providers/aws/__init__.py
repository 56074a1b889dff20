"""AWS: its login, the rotator of IAM keys, and the one translator of its errors."""
