"""The wire protocol: requests, pushes and REST bodies as msgspec structs, and the codec of frames.

``docs/protocol.md`` is generated from here in part; a struct's docstring is its documentation.
"""
