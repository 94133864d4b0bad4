"""The optional app that remembers tokens, and which of them were revoked, in the database."""
