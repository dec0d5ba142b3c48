"""Where rows and files are kept: one database, one data directory."""
