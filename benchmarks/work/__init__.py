"""Modules that run in the environment of each measured package."""
