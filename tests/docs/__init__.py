"""The documentation: complete, and true."""
