"""Seeding: arguments made into duals, results into values and tangents."""
