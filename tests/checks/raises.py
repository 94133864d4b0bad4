"""A module of a project that exists and raises when it is imported."""

raise RuntimeError("as this module does")
