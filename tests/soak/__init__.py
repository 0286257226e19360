"""Hours of mixed work in a process of its own: what grows, what fails, what differs."""
