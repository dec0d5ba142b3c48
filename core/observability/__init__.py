"""What operators see of a running process: logs, metrics, and what does not work right now."""
