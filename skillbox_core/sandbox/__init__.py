"""How a skill is confined: what it may use, where it runs, how bytes get in and out."""
