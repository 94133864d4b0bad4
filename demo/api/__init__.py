"""The demo's API, which the tokens protect."""
