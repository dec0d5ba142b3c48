"""The record of everything said, where it is shown, and every fact about it."""
