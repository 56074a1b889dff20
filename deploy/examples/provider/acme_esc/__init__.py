"""Acme for esc-operator: `fn::open::acme-login`."""
