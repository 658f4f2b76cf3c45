from tests.cloud.finance.people import without_models

__all__ = ["without_models"]
