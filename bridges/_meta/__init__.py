"""What WhatsApp, Messenger and Instagram share: Meta's Graph API, its webhooks, and what its refusals mean."""
