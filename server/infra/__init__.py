"""Adapters: what stands behind the kernel's ports. The only folder that knows a driver."""
