"""Events told by HTTP: endpoints, signed deliveries, retries."""
