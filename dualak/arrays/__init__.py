"""Arrays of duals: duals in Awkward layouts, and the classes that a function sees."""
