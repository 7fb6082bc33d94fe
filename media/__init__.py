"""The selective forwarding engine: knows packets, not people."""
