"""Benchmarks: run by `make bench`, never judged by a test."""
