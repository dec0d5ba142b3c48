"""Stand-ins and contract suites for whoever writes a channel or a workplace, here or in a distribution of their own."""
