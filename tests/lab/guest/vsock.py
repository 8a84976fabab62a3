#!/usr/bin/env python3
"""The guest's part of vsock where the host's kernel has none: leads streams that come over a serial
port to this kernel's own AF_VSOCK, by its loopback, and back (tests/stand_in/vfkit/multiplexer.ts has
the frames).

  vsock.py bridge     streams to and from the host; the host is CID 1 here, and 2 on a Mac
  vsock.py sshd PORT  sshd for each connection to a vsock port, as NixOS' socket unit starts it
"""
import glob, os, socket, struct, subprocess, sys, threading

LISTEN, OPEN, DATA, END, CLOSE, CREDIT = range(6)
WINDOW = 256 * 1024
LOOPBACK = 1


class Bridge:
    def __init__(self, path):
        self.port = open(path, "r+b", buffering=0)
        self.sending = threading.Lock()
        self.streams = {}
        self.next = 1

    def send(self, kind, stream, content=b""):
        with self.sending:
            data = struct.pack(">BII", kind, stream, len(content)) + content
            while data:
                data = data[self.port.write(data):]

    def receive(self, count):
        data = b""
        while len(data) < count:
            data += self.port.read(count - len(data))
        return data

    def run(self):
        while True:
            kind, number, length = struct.unpack(">BII", self.receive(9))
            content = self.receive(length)
            stream = self.streams.get(number)
            if kind == LISTEN:
                self.listen(number)
            elif kind == OPEN:
                # Data may follow before the connection stands.
                self.streams[number] = Stream(self, number)
                threading.Thread(target=self.dial, args=(number, struct.unpack(">I", content)[0])).start()
            elif stream is None:
                continue
            elif kind == CREDIT:
                stream.grant(struct.unpack(">I", content)[0])
            else:
                stream.take(kind, content)

    def dial(self, number, port):
        connection = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        try:
            connection.connect((LOOPBACK, port))
        except OSError:
            self.send(CLOSE, number)
            self.streams.pop(number, None)
            return
        self.streams[number].start(connection)

    def listen(self, port):
        server = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        server.bind((socket.VMADDR_CID_ANY, port))
        server.listen(64)
        threading.Thread(target=self.accept, args=(server, port), daemon=True).start()

    def accept(self, server, port):
        while True:
            connection, _ = server.accept()
            number, self.next = self.next, self.next + 2
            stream = self.streams[number] = Stream(self, number)
            self.send(OPEN, number, struct.pack(">I", port))
            stream.start(connection)


class Stream:
    def __init__(self, bridge, number):
        self.bridge, self.number = bridge, number
        self.credit = WINDOW
        self.condition = threading.Condition()
        self.waiting = []
        self.ended = 0

    def start(self, connection):
        self.connection = connection
        threading.Thread(target=self.read, daemon=True).start()
        threading.Thread(target=self.write, daemon=True).start()

    def grant(self, count):
        with self.condition:
            self.credit += count
            self.condition.notify_all()

    def take(self, kind, content):
        with self.condition:
            self.waiting.append((kind, content))
            self.condition.notify_all()

    def read(self):
        try:
            while content := self.connection.recv(32768):
                with self.condition:
                    while self.credit < len(content):
                        self.condition.wait()
                    self.credit -= len(content)
                self.bridge.send(DATA, self.number, content)
            self.bridge.send(END, self.number)
            self.end()
        except OSError:
            self.bridge.send(CLOSE, self.number)
            self.finish()

    def write(self):
        while True:
            with self.condition:
                while not self.waiting:
                    self.condition.wait()
                kind, content = self.waiting.pop(0)
            try:
                if kind == DATA:
                    self.connection.sendall(content)
                    self.bridge.send(CREDIT, self.number, struct.pack(">I", len(content)))
                    continue
                if kind == END:
                    self.connection.shutdown(socket.SHUT_WR)
                    self.end()
                else:
                    self.finish()
            except OSError:
                self.bridge.send(CLOSE, self.number)
                self.finish()
            return

    def end(self):
        with self.condition:
            self.ended += 1
            if self.ended < 2:
                return
        self.finish()

    def finish(self):
        if self.bridge.streams.pop(self.number, None) is None:
            return
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.connection.close()


def serial_port():
    for name in glob.glob("/sys/class/virtio-ports/*/name"):
        with open(name) as file:
            if file.read().strip() == "nixbox.vsock":
                return "/dev/" + name.split("/")[-2]
    raise SystemExit("vsock.py: no serial port to the host")


def serve_ssh(port):
    server = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    server.bind((socket.VMADDR_CID_ANY, port))
    server.listen(128)
    while True:
        connection, _ = server.accept()
        subprocess.Popen(["/usr/sbin/sshd", "-i"], stdin=connection, stdout=connection, stderr=subprocess.DEVNULL)
        connection.close()


if sys.argv[1] == "bridge":
    Bridge(serial_port()).run()
else:
    serve_ssh(int(sys.argv[2]))
