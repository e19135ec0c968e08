"""Tests of server/agents."""
