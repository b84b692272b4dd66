"""The page served to one person: on this machine alone, and under a secret name."""

from __future__ import annotations

import asyncio
import errno
import hmac
import logging
import secrets
import signal
from collections.abc import Callable, Sequence
from socket import socket

from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from panel.io.application import Application
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets
from tornado.routing import Matcher, Rule
from tornado.web import ErrorHandler

from tfx_explain.whatif.asking.session import Session
from tfx_explain.whatif.showing.page import Page

HOST = "127.0.0.1"

_TITLE = "What if"


def listen(port: int) -> Sequence[socket]:
    """Returns sockets on this machine's own address, which no other machine reaches.

    Args:
      port: The port; 0: any that is free.

    Raises:
      ValueError: Another program has it, or we may not have it.
    """
    try:
        return bind_sockets(port, HOST)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        why = "in use" if error.errno == errno.EADDRINUSE else "not ours to use"
        raise ValueError(f"Port {port} is {why}; give another one by --port, or 0 for any that is free.") from error


def serve(session: Session, record: bytes, sockets: Sequence[socket], announce: Callable[[str], None]) -> None:
    """Serves the page until the process is told to end, by Ctrl-C or SIGTERM.

    Args:
      session: What the page asks.
      record: The row that it shows first, a serialized tf.Example.
      sockets: Where it listens, of `listen`.
      announce: Called with the page's address once it is there.
    """
    # Who asks for what isn't there is no matter for the terminal.
    logging.getLogger("tornado.access").setLevel(logging.ERROR)
    Page(session, record)  # What is traced and found out once, nobody waits for who opens the page.
    asyncio.run(_serve(session, record, sockets, announce))


async def _serve(session: Session, record: bytes, sockets: Sequence[socket], announce: Callable[[str], None]) -> None:
    token, port = secrets.token_urlsafe(32), sockets[0].getsockname()[1]
    application = _application(session, record, token, port)
    http = HTTPServer(application)
    http.add_sockets(sockets)
    server = BaseServer(IOLoop.current(), application, http)
    server.start()
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    announce(f"http://{HOST}:{port}/{token}/")
    await told.wait()
    server.stop()
    http.stop()
    await http.close_all_connections()


def _application(session: Session, record: bytes, token: str, port: int) -> BokehTornado:
    def build(document: Document) -> None:
        page = Page(session, record)
        page.template().server_doc(document, title=_TITLE, location=page.location)

    application = BokehTornado(
        {"/": Application(FunctionHandler(build))},
        prefix=token,
        extra_websocket_origins=[f"{HOST}:{port}", f"localhost:{port}"],
        # A connection belongs to a page that was served, and each page has a session of its own.
        secret_key=secrets.token_bytes(32),
        sign_sessions=True,
        generate_session_ids=True,
        ico_path="none",
    )
    # Before all routes of theirs: the page, its websocket, the files that it is made of.
    application.add_handlers(".*", [Rule(_WithoutToken(token), ErrorHandler, {"status_code": 404})])
    return application


class _WithoutToken(Matcher):
    """Requests whose path does not begin with the token, found out in the same time wherever it differs."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def match(self, request: HTTPServerRequest) -> dict[str, str] | None:
        first = request.path.lstrip("/").partition("/")[0]
        return None if hmac.compare_digest(first.encode(), self._token) else {}
