"""The configuration, held against the real services; in sentences, with what to do."""
