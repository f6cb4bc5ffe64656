"""What a skill is: its manifest, its archive, and the registry that keeps its versions."""
