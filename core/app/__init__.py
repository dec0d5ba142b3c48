"""Puts the parts together and keeps them running."""

from core.app.app import App

__all__ = ["App"]
