"""What the product costs, beside its floors."""
