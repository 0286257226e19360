"""Tracing: functions recorded over arrays without numbers, and replayed."""
