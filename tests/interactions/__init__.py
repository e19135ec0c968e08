"""Tests of server/interactions."""
