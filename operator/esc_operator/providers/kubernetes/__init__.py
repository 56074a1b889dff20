"""What the environment's own namespace holds: ConfigMaps and Secrets."""
