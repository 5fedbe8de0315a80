"""A way to the hub that breaks once, in the middle of a streamed answer."""

import socket
import threading


class Cut:
    """Passes connections on to the hub; the first answer that holds the word `after` ends its connection there."""

    def __init__(self, url: str, after: bytes):
        host, port = url.removeprefix("http://").split(":")
        self._hub = (host, int(port))
        self._after = after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            hub = socket.create_connection(self._hub)
            threading.Thread(target=self._pass, args=(client, hub), daemon=True).start()
            threading.Thread(target=self._pass_back, args=(hub, client), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        _end(source, sink)

    def _pass_back(self, hub: socket.socket, client: socket.socket) -> None:
        try:
            while data := hub.recv(65536):
                client.sendall(data)
                if self.cuts == 0 and self._after in data:
                    self.cuts += 1
                    break
        except OSError:
            pass
        _end(hub, client)

    def __enter__(self) -> "Cut":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        one.close()
