"""Tests of server/cli/doctor."""
