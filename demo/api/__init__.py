"""The demo's API: what the tokens are for."""
