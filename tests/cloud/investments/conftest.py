from tests.cloud.investing import world

__all__ = ["world"]
