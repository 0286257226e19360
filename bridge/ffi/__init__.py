"""XLA's foreign function interface: compiled passes that XLA calls, without Python."""
