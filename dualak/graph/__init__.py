"""The graph: operations on flat buffers that wait until somebody needs their bytes."""
