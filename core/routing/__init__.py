"""Which room a conversation belongs in."""
