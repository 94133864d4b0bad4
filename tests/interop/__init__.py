"""Other libraries verify the tokens of this package, and the reverse: `nox -s interop`."""
