"""The bridge to JAX; its names arrive with a later release."""

__all__: list[str] = []
