"""The optional app that records token families, all tokens of one login each, in the database."""
