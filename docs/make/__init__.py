"""Makes the documentation: what it shows is run, rules and commands get their pages, and the site is built."""
