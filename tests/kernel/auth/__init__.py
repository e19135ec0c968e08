"""Tests of server/kernel/auth."""
