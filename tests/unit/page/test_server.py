"""Where the page listens: never off loopback without names, and never there in the clear."""

import pytest

from pipelines.page import server
from tests.builders.certificates_for_tls import write_certificate

WORKSPACE = ["--workspace", "workspace.yaml"]
EVERYWHERE = [*WORKSPACE, "--host", "0.0.0.0"]  # noqa: S104 - this is what is refused
WORD = "correct-horse-battery"


@pytest.fixture
def passwords(tmp_path):
    file = tmp_path / "page.passwords"
    file.write_text(f"ops:{WORD}\n")
    file.chmod(0o600)
    return ["--passwords", str(file)]


@pytest.fixture
def tls(tmp_path):
    certificate, key = write_certificate(tmp_path)
    return ["--certificate", str(certificate), "--key", str(key)]


@pytest.fixture
def served(monkeypatch):
    """Return what would have been served: arguments, rules and door."""
    calls = []
    monkeypatch.setattr(server, "_serve", lambda *given: calls.append(given))
    return calls


def refusal(arguments, capsys):
    assert server.main(arguments) == 1
    return capsys.readouterr().err


def test_a_page_reachable_from_elsewhere_needs_names(served, tls, capsys):
    assert "name a file with --passwords" in refusal([*EVERYWHERE, *tls], capsys)
    assert served == []


def test_a_page_reachable_from_elsewhere_needs_tls(served, passwords, capsys):
    assert "passwords would go there in the clear" in refusal([*EVERYWHERE, *passwords], capsys)
    assert served == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "page.example", "localhost"])  # noqa: S104 - as above
def test_whatever_is_no_loopback_address_is_reachable_from_elsewhere(served, passwords, host, capsys):
    assert "in the clear" in refusal([*WORKSPACE, "--host", host, *passwords], capsys)


def test_with_names_and_a_certificate_it_is_served_there_over_tls_alone(served, passwords, tls):
    assert server.main([*EVERYWHERE, *passwords, *tls]) == 0
    [(_, rules, door)] = served
    assert (rules.is_encrypted, rules.has_door, door is not None) == (True, True, True)
    assert rules.is_own("https://127.0.0.1:3000")
    assert not rules.is_own("http://127.0.0.1:3000")


def test_a_declared_proxy_that_ends_tls_counts_as_tls(served, passwords):
    assert server.main([*EVERYWHERE, *passwords, "--behind-tls", "--allow-host", "page.example"]) == 0
    [(_, rules, _)] = served
    assert rules.is_own("https://page.example")
    assert not rules.is_own("http://page.example")


def test_on_loopback_nothing_is_wanted(served):
    assert server.main(WORKSPACE) == 0
    [(_, rules, door)] = served
    assert (rules.is_encrypted, door) == (False, None)


def test_tls_ends_in_one_place(served, tls, capsys):
    assert "name one" in refusal([*WORKSPACE, *tls, "--behind-tls"], capsys)


@pytest.mark.parametrize("half", [0, 2])
def test_half_of_a_certificate_is_none(served, tls, half, capsys):
    assert "belong together" in refusal([*WORKSPACE, *tls[half : half + 2]], capsys)


def test_a_key_others_may_read_serves_nothing(served, tmp_path, tls, capsys):
    (tmp_path / "page.key").chmod(0o644)
    assert "the certificate's key page.key has mode 644" in refusal([*WORKSPACE, *tls], capsys)


def test_a_key_of_another_certificate_serves_nothing_and_is_not_shown(served, tmp_path, tls, capsys):
    (tmp_path / "other").mkdir()
    _, other = write_certificate(tmp_path / "other")
    said = refusal([*WORKSPACE, *tls[:3], str(other)], capsys)
    assert "serve no TLS" in said
    assert "PRIVATE" not in said


@pytest.mark.parametrize("text", ["0", "-1", "nan", "soon"])
def test_a_session_that_lasts_no_time_is_no_setting(text):
    with pytest.raises(SystemExit):
        server.main([*WORKSPACE, "--session-minutes", text])
