"""Ordered, durable work: every delivery starts as a row written in the same transaction as its cause."""
