"""Events that could not be processed: kept whole, with the reason, until somebody repairs and repeats them."""
