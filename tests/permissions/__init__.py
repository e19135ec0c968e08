"""Tests of tool permissions."""
