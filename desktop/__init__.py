"""The desktop: windows over models over services over the network and a local store."""
