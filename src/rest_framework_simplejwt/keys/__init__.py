"""Key material: our own keys, an issuer's published keys, and the algorithms that use them. Imports no Django."""
