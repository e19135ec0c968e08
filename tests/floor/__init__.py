"""Tests of server/floor."""
