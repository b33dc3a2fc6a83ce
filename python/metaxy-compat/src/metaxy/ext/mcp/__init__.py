"""A server of MCP, by which assistants read features and what is stored of them."""

from metaxy.ext._extras import needed

with needed("metaxy.ext.mcp", "fastmcp", "mcp"):
    from metaxy.ext.mcp.server import create_server, mcp, run_server

__all__ = ["create_server", "mcp", "run_server"]
