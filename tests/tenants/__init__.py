"""What one tenant may try against another, and a thief of the operator's token against all: tried, not argued.

`python -m tenants` prints the table; `test_attempts` plays the same list.
"""
