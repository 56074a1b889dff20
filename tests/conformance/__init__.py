"""The cases of the environment language that come from outside the project."""
