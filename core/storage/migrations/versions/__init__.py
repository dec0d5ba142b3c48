"""One file per change, named for what it does."""
