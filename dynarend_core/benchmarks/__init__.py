"""Timings that `dynarend bench` reports."""
