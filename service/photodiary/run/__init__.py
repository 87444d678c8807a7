"""Composition roots, clocks, threads, signals and schedules."""
