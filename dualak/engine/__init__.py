"""The engine: which nodes share a pass over the buffers, and running it."""
