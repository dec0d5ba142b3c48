"""SMTP and IMAP on loopback, with the customers' mailboxes behind them."""

from sandbox.mail.server import MailSandbox, reply

__all__ = ["MailSandbox", "reply"]
