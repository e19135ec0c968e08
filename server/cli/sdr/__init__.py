"""The import of a database of ai-sdr: its file, its rows as ours, and the report."""
