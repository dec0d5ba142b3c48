"""The HTTP side: vendors' webhooks, adapters' own pages, files, and what operators ask."""
