"""The optional app that remembers token families, all that descends from one login, in the database."""
