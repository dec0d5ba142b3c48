"""Who is the same customer as whom: what proves it, what it is shown as, and how it is taken back."""
