"""What helps a team to begin: a first target file, a doctor for it, findings played again."""
