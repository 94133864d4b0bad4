"""The demo's tour: a server, a client, and the steps that they take."""
