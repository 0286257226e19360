FAST = {}
