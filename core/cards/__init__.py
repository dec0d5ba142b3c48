"""Context cards and queues: facts and buttons, drawn by each workplace in its own way."""
