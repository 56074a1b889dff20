"""AWS: its login, the rotator of IAM keys, and its one error translator."""
