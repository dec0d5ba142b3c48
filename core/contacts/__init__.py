"""Who is writing: contacts, their addresses, and what each address proves."""
