"""The timed calls, which use only the public API: the same for this package and the published one."""
