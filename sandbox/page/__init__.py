"""The page of the sandbox: customers on the left, their helpers' workspace on the right, both live."""

from sandbox.page.server import Page

__all__ = ["Page"]
