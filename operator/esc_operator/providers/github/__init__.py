"""GitHub: a login as an installation of a GitHub App."""
