"""What is timed, in the words of the public API: the same for ours and for the published package."""
