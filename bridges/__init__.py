"""Customer channels: one folder translates and transports one network, and is found by its name."""
