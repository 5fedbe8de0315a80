"""A FastMCP server with one tool, the kit's echo; prints its address and serves. Needs the package `fastmcp`."""

import socket

from fastmcp import FastMCP
from pydantic import BaseModel

mcp = FastMCP("bench")


class Echo(BaseModel):
    text: str


@mcp.tool
def kit_echo(text: str, times: int = 1) -> Echo:
    """Answers with its text."""
    return Echo(text=text * times)


with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
print(f"127.0.0.1:{port}", flush=True)
# The fastest way that it has: without sessions, and answered as JSON.
mcp.run(
    transport="http",
    host="127.0.0.1",
    port=port,
    stateless_http=True,
    json_response=True,
    show_banner=False,
    log_level="critical",
    uvicorn_config={"access_log": False},
)
