"""What runs inside a package's own environment; the same modules for each package."""
