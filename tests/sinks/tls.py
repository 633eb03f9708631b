"""TLS: a certificate that the roots sign is accepted, any other refused; off loopback nothing is sent in clear text."""

import os
import subprocess

import server as servers
from sweeps import must


def run(tally, world, server):
    slot = world.slot("tls", server.url())
    keys = server.folder / "keys"
    keys.mkdir()

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=keys)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test root")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (keys / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.pem", "-days", "2", "-extfile", "names")
    for name in ("server.pem", "server.key"):
        target = server.data / name
        target.write_bytes((keys / name).read_bytes())
        subprocess.run(["chown", f"--reference={server.data}", str(target)], check=True)
        os.chmod(target, 0o600)
    server.admin("ALTER SYSTEM SET ssl = on", f"ALTER SYSTEM SET ssl_cert_file = '{server.data}/server.pem'", f"ALTER SYSTEM SET ssl_key_file = '{server.data}/server.key'", "SELECT pg_reload_conf()")
    url = server.url() + "?sslmode=verify-full"

    def known():
        code, _, said = slot.sync(url=url, SSL_CERT_FILE=str(keys / "ca.pem"))
        must(code == 0, f"{code}: {said}")
        return "a certificate of a known root is taken"

    def unknown():
        code, _, said = slot.sync("--full", url=url)
        must(code in (1, 2) and "certificate" in said, f"{code}: {said}")
        return "one of an unknown root is refused"

    def other_name():
        """The certificate is for localhost and not for this name of the same machine."""
        code, _, said = slot.sync("--full", url=url.replace("127.0.0.1", "127.0.0.2"), SSL_CERT_FILE=str(keys / "ca.pem"))
        must(code == 1, f"{code}: {said}")
        return "one of another name is refused"

    def plain_server():
        """No clear text is sent to a server without TLS if TLS is requested."""
        server.admin("ALTER SYSTEM SET ssl = off", "SELECT pg_reload_conf()")
        servers.wait_until(lambda: server.admin("SHOW ssl").fetchone() == ("off",))
        code, _, said = slot.sync("--full", url=url, SSL_CERT_FILE=str(keys / "ca.pem"))
        must(code == 1 and "TLS" in said, f"{code}: {said}")
        return "a server without TLS is refused"

    servers.wait_until(lambda: server.admin("SHOW ssl").fetchone() == ("on",))
    for trial in (known, unknown, other_name, plain_server):
        tally.one("tls", trial)
