"""HashiCorp Vault and OpenBao: a login, and a reader of any path with its leases."""
