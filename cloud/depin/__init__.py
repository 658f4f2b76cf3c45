"""Hardware that earns: a node is rewarded for being there and for the energy it brought."""
