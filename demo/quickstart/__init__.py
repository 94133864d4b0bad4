"""The demo's guided tour: a server, a client, and the steps between them."""
