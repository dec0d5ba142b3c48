"""The only part of the core that adapters may import."""
