"""An adapter of the user's own: what it answers, and what it rotates."""
