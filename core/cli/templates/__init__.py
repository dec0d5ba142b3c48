"""What `threadbridge new` copies: two small adapters of a made-up vendor that work as they are."""
