"""The demo's project: its settings and its URLs."""
