"""Rules of Acme's platform team; meshlint finds their folders here."""
