"""The server's certificate, against a real server with TLS, with another one, and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from flowbridge.database import Database, DatabaseUnavailable, Location
from flowbridge.errors import ConfigurationError
from tests.support.mariadb import ServedDatabase, secret_of

Open = Callable[..., Database]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="class")
def secured(
    items: ServedDatabase, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedDatabase]:
    """The database on a server that has TLS, with a certificate for its address."""
    folder = tmp_path_factory.mktemp("tls")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(str(folder / "key"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "pem"))
    items.server.stop()
    items.server.start(f"--ssl-cert={folder / 'pem'}", f"--ssl-key={folder / 'key'}")
    yield items
    items.server.stop()
    items.server.start()


@pytest.fixture
def open_database() -> Iterator[Open]:
    opened: list[Database] = []

    def open_with(served: ServedDatabase, ca: trustme.CA, host: str | None = None) -> Database:
        text = ca.cert_pem.bytes().decode()
        location = Location(
            host or served.server.host, served.server.port, served.server.name, text
        )
        opened.append(Database(location, secret_of(served.user)))
        return opened[-1]

    yield open_with
    for database in opened:
        database.close()


def tls_version(database: Database) -> str:
    def work(cursor: Any) -> str:
        cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
        _, version = cursor.fetchone()
        return str(version)

    return database.transaction(work)


class TestWithTls:
    def test_a_server_of_the_authority_is_trusted(
        self, secured: ServedDatabase, authority: trustme.CA, open_database: Open
    ) -> None:
        assert tls_version(open_database(secured, authority)) in ("TLSv1.2", "TLSv1.3")

    def test_one_of_another_authority_is_not(
        self, secured: ServedDatabase, open_database: Open
    ) -> None:
        with pytest.raises(DatabaseUnavailable, match=r"certificate is not trusted.*DATABASE_CA"):
            tls_version(open_database(secured, trustme.CA()))

    def test_one_of_another_name_is_not(
        self, secured: ServedDatabase, authority: trustme.CA, open_database: Open
    ) -> None:
        with pytest.raises(DatabaseUnavailable, match="certificate is not trusted: Hostname"):
            tls_version(open_database(secured, authority, host="localhost"))


def test_a_server_without_tls_gets_no_password(
    empty: ServedDatabase, authority: trustme.CA, open_database: Open
) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"^database error 2026$"):
        tls_version(open_database(empty, authority))


def test_a_text_that_is_no_certificate_is_named(empty: ServedDatabase) -> None:
    server = empty.server
    location = Location(server.host, server.port, server.name, "/etc/ca.pem")

    with pytest.raises(ConfigurationError, match="DATABASE_CA holds no certificate"):
        tls_version(Database(location, secret_of(empty.user)))


@pytest.mark.parametrize(("text", "ca"), [("pem", "pem"), ("", None), (None, None)])
def test_the_variable_may_be_missing(
    monkeypatch: pytest.MonkeyPatch, text: str | None, ca: str | None
) -> None:
    for name, value in (("HOST", "h"), ("PORT", "3306"), ("NAME", "crm"), ("CA", text)):
        if value is None:
            monkeypatch.delenv(f"DATABASE_{name}", raising=False)
        else:
            monkeypatch.setenv(f"DATABASE_{name}", value)

    assert Location.from_environment() == Location("h", 3306, "crm", ca)


def test_every_region_has_amazons_certificate() -> None:
    from cryptography import x509

    from ops.terraform.runner import ROOT

    folder = ROOT / "modules" / "database" / "certificates"
    files = sorted(folder.glob("*.pem"))

    assert len(files) > 20
    for file in files:
        [certificate] = x509.load_pem_x509_certificates(Path(file).read_bytes())
        certificate.verify_directly_issued_by(certificate)
        name = f"Amazon RDS {file.stem} Root CA RSA2048 G1"
        assert f"CN={name}," in certificate.subject.rfc4514_string()
        assert certificate.not_valid_after_utc.year > 2060
