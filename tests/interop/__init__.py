"""Other people's libraries verify our tokens and have theirs verified: `uvx nox -s interop`."""
