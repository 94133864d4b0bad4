"""A module of a project that can't be imported, and not for want of a module."""

raise RuntimeError("as this module does")
