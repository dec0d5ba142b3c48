"""Everything Threadbridge decides: conversations, routing, delivery; it knows no vendor."""
