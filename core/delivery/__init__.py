"""Carries out the outbox's jobs: each handler turns one kind of job into one call on an adapter."""
