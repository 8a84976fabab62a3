#!/usr/bin/env python3
"""Tries to get out of the machine. Reads a JSON list of attacks, writes one line of JSON for each:
{"outcome": "reached" | "refused" | "silent" | "error", "milliseconds": N, "detail": "..."}.
Each attack is {"kind": NAME, ...arguments of the function of that name}."""
import json, os, socket, ssl, struct, subprocess, sys, time

WAIT = 3


def tcp(address, port, source=None):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(WAIT)
        if source:
            client.bind((source, 0))
        client.connect((address, port))
        return "reached", ""


def udp(address, port, text="probe"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(WAIT)
        client.connect((address, port))
        client.send(text.encode())
        return "reached", client.recv(2000).decode(errors="replace")


def ping(address):
    done = subprocess.run(["ping", "-n", "-c1", f"-W{WAIT}", address], capture_output=True, text=True)
    if done.returncode == 0:
        return "reached", ""
    text = done.stdout + done.stderr
    return ("refused" if "filtered" in text or "nreachable" in text else "silent"), text[-200:]


def protocol(address, number):
    """A packet of another IP protocol; an ICMP error that comes back is a refusal."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as errors, \
            socket.socket(socket.AF_INET, socket.SOCK_RAW, number) as sender:
        errors.settimeout(WAIT)
        sender.sendto(b"\0" * 16, (address, 0))
        while True:
            packet = errors.recv(2000)
            if packet[20] == 3:
                return "refused", "ICMP unreachable"


def question(name, kind):
    labels = b"".join(bytes([len(part)]) + part for part in name.encode().split(b"."))
    return struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def dns(name, server, over="udp", type=1):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if over == "tcp" else socket.SOCK_DGRAM) as client:
        client.settimeout(WAIT)
        client.connect((server, 53))
        data = question(name, type)
        client.send(struct.pack(">H", len(data)) + data if over == "tcp" else data)
        reply = client.recv(4000)
        if over == "tcp":
            if not reply:
                return "refused", "closed"
            reply = reply[2:] or client.recv(4000)
    code, answers = reply[3] & 15, struct.unpack(">H", reply[6:8])[0]
    return ("reached" if code == 0 and answers else "refused"), f"code {code}, {answers} answers"


def hello(sni):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname=sni)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def with_extension(data, extension):
    """Appends an extension to a ClientHello and fixes the three lengths around it."""
    body = bytearray(data[9:])
    at = 34
    at += 1 + body[at]
    at += 2 + struct.unpack(">H", body[at:at + 2])[0]
    at += 1 + body[at]
    length = struct.unpack(">H", body[at:at + 2])[0]
    body[at:at + 2] = struct.pack(">H", length + len(extension))
    body += extension
    handshake = b"\1" + len(body).to_bytes(3, "big") + bytes(body)
    return data[:3] + struct.pack(">H", len(handshake)) + handshake


def server_name(name):
    entry = b"\0" + struct.pack(">H", len(name)) + name.encode()
    names = struct.pack(">H", len(entry)) + entry
    return struct.pack(">HH", 0, len(names)) + names


def tls(address, port=443, sni=None, form="plain", second=""):
    data = hello(sni)
    parts = [data]
    if form == "segments":
        parts = [data[:3], data[3:60], data[60:]]
    if form == "records":
        record = lambda piece: b"\x16\x03\x01" + struct.pack(">H", len(piece)) + piece
        parts = [record(data[5:60]) + record(data[60:])]
    if form == "encrypted":
        # An outer message (RFC 9849, section 5): suite, config, a key of 32 bytes, 144 bytes of payload.
        ech = b"\0\0\1\0\1\7" + struct.pack(">H", 32) + os.urandom(32) + struct.pack(">H", 144) + os.urandom(144)
        parts = [with_extension(data, struct.pack(">HH", 0xFE0D, 186) + ech)]
    if form == "two":
        parts = [with_extension(data, server_name(second))]
    with socket.create_connection((address, port), WAIT) as client:
        for part in parts:
            client.sendall(part)
            time.sleep(0.05 if len(parts) > 1 else 0)
        answer = client.recv(100)
    if answer[:1] == b"\x16":
        return "reached", "ServerHello"
    return "refused", "closed" if not answer else f"alert {answer[-1]}"


def client_hello(name, share):
    """A hello of TLS 1.3 by hand; without a share the server has to ask for another hello."""
    groups = struct.pack(">HHHHH", 10, 6, 4, 23, 29)
    versions = struct.pack(">HHBH", 43, 3, 2, 0x304)
    shares = struct.pack(">HH", 23, 65) + b"\4" + os.urandom(64) if share else b""
    extensions = server_name(name) + groups + versions + struct.pack(">HHH", 51, len(shares) + 2, len(shares)) + shares
    body = b"\3\3" + b"\7" * 32 + b"\x20" + b"\x08" * 32 + struct.pack(">HH", 2, 0x1301) + b"\1\0"
    body += struct.pack(">H", len(extensions)) + extensions
    handshake = b"\1" + len(body).to_bytes(3, "big") + body
    return b"\x16\3\1" + struct.pack(">H", len(handshake)) + handshake


def retry(address, first, second, form="plain"):
    """Two hellos on one connection; what counts is the answer to the second."""
    with socket.create_connection((address, 443), WAIT) as client:
        client.sendall(client_hello(first, False))
        if form == "early":
            client.sendall(client_hello(second, True))
        answer = client.recv(1000)
        if answer[:1] != b"\x16":
            return "refused", "closed"
        again = client_hello(second, True)
        parts = [again]
        if form == "ccs":
            parts = [b"\x14\3\3\0\1\1" + again]
        if form == "records":
            record = lambda piece: b"\x16\3\3" + struct.pack(">H", len(piece)) + piece
            parts = [record(again[5:40]) + record(again[40:])]
        if form == "segments":
            parts = [again[:3], again[3:70], again[70:]]
        if form != "early":
            for part in parts:
                client.sendall(part)
                time.sleep(0.1)
        # The first read may have brought it all.
        while b"answer for " not in answer and len(answer) < 5000:
            more = client.recv(1000)
            if not more:
                return "refused", "closed"
            answer += more
        if b"answer for " not in answer:
            return "refused", "another answer"
        return "reached", answer[-60:].decode(errors="replace")


def http(address, texts, port=80):
    """Requests on one connection; what counts is the answer to the last."""
    with socket.create_connection((address, port), WAIT) as client:
        for text in texts:
            client.sendall(text.encode())
            answer = client.recv(4000)
            if not answer:
                return "refused", "closed"
            time.sleep(0.1)
    line = answer.split(b"\r\n")[0].decode(errors="replace")
    return ("reached" if " 200" in line or " 101" in line else "refused"), line


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac_of(path):
    with open(path) as file:
        return bytes.fromhex(file.read().strip().replace(":", ""))


def gateway_mac(gateway):
    subprocess.run(["ping", "-c1", "-W1", gateway], capture_output=True)
    out = subprocess.run(["ip", "neigh", "show", gateway], capture_output=True, text=True).stdout
    return bytes.fromhex(out.split("lladdr ")[1].split()[0].replace(":", ""))


def frame(form, gateway, source, target, text):
    """Ethernet frames made by hand; nothing comes back: whether one arrived, the other side tells."""
    mine, theirs = mac_of("/sys/class/net/eth0/address"), gateway_mac(gateway)
    if form == "other-mac":
        mine = bytes.fromhex("02aabbccddee")
    address = lambda quad: socket.inet_aton(quad)
    payload = struct.pack(">HHHH", 4000, 9999, 8 + len(text), 0) + text.encode()
    flags = 0x2000 if form == "fragment" else 0
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, flags, 64, 17, 0, address(source), address(target))
    header = header[:10] + struct.pack(">H", checksum(header)) + header[12:]
    packet = theirs + mine + b"\x08\x00" + header + payload
    if form == "arp":
        broadcast = b"\xff" * 6
        packet = broadcast + mine + b"\x08\x06" + struct.pack(">HHBBH", 1, 0x800, 6, 4, 2) + mine + address(gateway) + broadcast + address(source)
    if form == "ipv6":
        six = lambda quad: socket.inet_pton(socket.AF_INET6, quad)
        segment = struct.pack(">HHIIBBHHH", 4000, 443, 1, 0, 0x50, 2, 1000, 0, 0)
        packet = theirs + mine + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(segment), 6, 64) + six("2001:db8:1::99") + six("2001:db8:113::10") + segment
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind(("eth0", 0))
        for _ in range(3):
            sender.send(packet)
    time.sleep(0.3)
    return "silent", "sent"


def burst(server, count):
    """Many questions at once, then one that must be answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for number in range(count):
            client.sendto(question(f"n{number}.evil.test", 1), (server, 53))
    for _ in range(5):
        try:
            return dns("allowed.test", server)
        except TimeoutError:
            pass
    return "silent", "no answer after the burst"


def shell(line):
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=20)
    return ("reached" if done.returncode == 0 else "refused"), (done.stdout + done.stderr)[-200:]


KINDS = {function.__name__: function for function in (tcp, udp, ping, protocol, dns, tls, retry, http, frame, burst, shell)}

for attack in json.load(sys.stdin):
    arguments = dict(attack)
    # Where silence is not an answer that a test waits for, it may be given longer than a slow machine takes.
    WAIT = arguments.pop("wait", 3)
    # Linux answers one host with an ICMP error once a second, after a burst (icmp(7), icmp_ratelimit).
    by_icmp = arguments["kind"] in ("udp", "ping", "protocol") or arguments.get("server", "10.").find("10.") != 0
    time.sleep(1.05 if by_icmp else 0)
    started = time.monotonic()
    try:
        outcome, detail = KINDS[arguments.pop("kind")](**arguments)
    except TimeoutError:
        outcome, detail = "silent", "time-out"
    except OSError as error:
        outcome, detail = "refused", os.strerror(error.errno) if error.errno else str(error)
    except Exception as error:
        outcome, detail = "error", repr(error)
    milliseconds = round((time.monotonic() - started) * 1000)
    print(json.dumps({"outcome": outcome, "milliseconds": milliseconds, "detail": detail}), flush=True)
