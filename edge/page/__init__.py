"""The local status page: what the agent sees and decides, live, without the internet."""
