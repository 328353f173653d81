# SPDX-License-Identifier: BSD-2-Clause
"""A broker of Kafka with TLS and passwords (SASL PLAIN), which librdkafka's mock cluster has not: it stands in front of
that, and answers itself what concerns passwords. The mock cluster tells clients its own port, which is replaced."""

import socket
import ssl
import struct
import threading

API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE = 18, 17, 36
UNSUPPORTED_MECHANISM, AUTHENTICATION_FAILED = 33, 58


class Front:
    def __init__(self, case, address, context=None, users=None):
        """address: of the mock cluster; context: an ssl.SSLContext, or plain TCP; users: name -> password, or anybody."""
        host, port = address.split(":")
        self.behind, self.context, self.users = (host, int(port)), context, users
        self.listener = socket.create_server((host, 0))
        self.port = self.listener.getsockname()[1]
        self.address = f"{host}:{self.port}"
        self.sockets = [self.listener]
        case.addCleanup(self.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        for one in self.sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def accept(self):
        try:
            while True:
                threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()
        except OSError:
            pass

    def serve(self, client):
        try:
            if self.context:
                client = self.context.wrap_socket(client, server_side=True)
            server = socket.create_connection(self.behind)
            self.sockets += client, server
            Connection(self, client, server).run()
        except (OSError, EOFError):
            client.close()


class Connection:
    def __init__(self, front, client, server):
        self.front, self.client, self.server = front, client, server
        self.trusted = front.users is None
        self.asked = {}  # correlation id -> version of a request for ApiVersions
        self.lock = threading.Lock()

    def run(self):
        threading.Thread(target=self.answers, daemon=True).start()
        try:
            while True:
                frame = read_frame(self.client)
                key, version, number = struct.unpack("!hhi", frame[:8])
                if key in (SASL_HANDSHAKE, SASL_AUTHENTICATE):
                    answer = self.handshake if key == SASL_HANDSHAKE else self.authenticate
                    self.write(frame[4:8] + answer(frame[10 + max(0, struct.unpack("!h", frame[8:10])[0]):]))
                elif key == API_VERSIONS or self.trusted:
                    if key == API_VERSIONS:
                        self.asked[number] = version
                    self.server.sendall(struct.pack("!i", len(frame)) + frame)
                else:
                    raise EOFError
        finally:
            self.client.close()
            self.server.close()

    def write(self, frame):
        with self.lock:
            self.client.sendall(struct.pack("!i", len(frame)) + frame)

    def answers(self):
        """What the mock cluster answers, with other ports, and with the requests that it does not know."""
        own, other = (struct.pack("!i", port) for port in (self.front.port, self.front.behind[1]))
        host = self.front.behind[0].encode()
        try:
            while True:
                frame = read_frame(self.server).replace(host + other, host + own)
                version = self.asked.pop(struct.unpack("!i", frame[:4])[0], None)
                if version is not None and version < 3 and frame[4:6] == b"\0\0" and self.front.users is not None:
                    count = struct.unpack("!i", frame[6:10])[0]
                    end = 10 + 6 * count
                    frame = (frame[:6] + struct.pack("!i", count + 2) + frame[10:end] +
                             struct.pack("!6h", SASL_HANDSHAKE, 0, 1, SASL_AUTHENTICATE, 0, 0) + frame[end:])
                self.write(frame)
        except (OSError, EOFError):
            self.client.close()

    @staticmethod
    def handshake(body):
        mechanism = body[2:2 + struct.unpack("!h", body[:2])[0]]
        return struct.pack("!hi", 0 if mechanism == b"PLAIN" else UNSUPPORTED_MECHANISM, 1) + b"\0\5PLAIN"

    def authenticate(self, body):
        _, name, password = body[4:].split(b"\0")
        self.trusted = (self.front.users or {}).get(name.decode()) == password.decode()
        words = b"wrong name or password"
        if self.trusted:
            return struct.pack("!hhi", 0, -1, 0)
        return struct.pack("!hh", AUTHENTICATION_FAILED, len(words)) + words + struct.pack("!i", 0)


def read_frame(connection):
    return read(connection, struct.unpack("!i", read(connection, 4))[0])


def read(connection, length):
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def tls_context(directory, name, ca=None):
    """The certificate `name`.pem; ca: clients need a certificate of this one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / f"{name}.pem", directory / f"{name}.key")
    if ca:
        context.load_verify_locations(directory / f"{ca}.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return context
