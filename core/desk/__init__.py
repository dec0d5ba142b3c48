"""The agent side: every gesture of an agent ends here, whatever tool it was made in."""
