"""What the folder of environments holds beside them, at a terminal."""
