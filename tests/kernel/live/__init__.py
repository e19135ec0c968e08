"""Tests of server/kernel/live."""
