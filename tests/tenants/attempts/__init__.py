"""The attempts, by what they are after."""
