"""Other libraries verify the tokens of this package, and the reverse: `uvx nox -s interop`."""
