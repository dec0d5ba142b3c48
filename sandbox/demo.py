"""The demo: Threadbridge as it is, between sandbox vendors on loopback."""
