"""What a run leaves behind: a report as one value, and a writer for each form of it."""
