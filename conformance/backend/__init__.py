"""The backend under test: its target file, its tokens, its process, and whether it lives."""
