"""A scripted customer and agent who go through every channel and workplace over the same sockets as anybody."""
