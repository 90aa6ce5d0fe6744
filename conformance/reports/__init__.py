"""What a run leaves behind: report.json, junit.xml, and what a person sees in the terminal."""
