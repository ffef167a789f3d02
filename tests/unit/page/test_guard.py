import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from execution.domain.errors import SettingsRefused
from pipelines.page.guard import PageGuard
from pipelines.page.passwords import read_passwords
from pipelines.page.rules import BODY_BYTES_MAX, PageRules, own_hosts

OWN = {"origin": "http://localhost:3000", "content-type": "application/json"}
WORD = "correct-horse-battery"


async def page(scope, receive, send):
    await PlainTextResponse("the page")(scope, receive, send)


def guarded(*, is_viewer=False):
    rules = PageRules(hosts=own_hosts(3000), is_viewer=is_viewer)
    return TestClient(PageGuard(page, rules=rules), base_url="http://localhost:3000")


def asked(client, query, **headers):
    return client.post("/graphql", json={"query": query}, headers=OWN | headers)


@pytest.mark.parametrize(
    "query",
    [
        "mutation { launch }",
        "query A { a } mutation B { launch }",
        "subscription { logs }",
        "fragment F on Query { a }",
        "{ a",
        "{" * 5_000,
    ],
)
def test_a_viewer_lets_through_nothing_but_whole_questions(query):
    assert asked(guarded(is_viewer=True), query).status_code == 403


def test_a_viewer_lets_a_question_through():
    assert asked(guarded(is_viewer=True), "query A { a } query B { b }").text == "the page"


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{}", b'{"query": 1}', b'[{"query": "{a}"}]', b"[" * 100_000])
def test_a_body_that_is_no_single_question_is_refused(body):
    assert guarded().post("/graphql", content=body, headers=OWN).status_code == 400


def test_a_question_too_long_is_refused_whatever_its_head_says():
    def pieces():
        yield b'{"query": "'
        yield b"x" * BODY_BYTES_MAX
        yield b'"}'

    assert guarded().post("/graphql", content=pieces(), headers=OWN).status_code == 413


def test_a_question_is_named_in_its_address_as_dagsters_page_names_each_of_its_own():
    answer = guarded().post("/graphql?op=RunsFeedRootQuery", json={"query": "{a}"}, headers=OWN)
    assert answer.text == "the page"


@pytest.mark.parametrize(
    "address",
    [
        "query={a}",
        "op=A&query={a}",
        "query={a}&op=A",
        "op=A&variables={}",
        "op=A;query={a}",
        "op=A%26query={a}",
        "op=",
        "op",
        "op=1",
        f"op={'a' * 201}",
        "OP=A",
    ],
)
def test_an_address_says_nothing_but_a_name(address):
    answer = guarded().post(f"/graphql?{address}", json={"query": "{a}"}, headers=OWN)
    assert (answer.status_code, "put it into the body" in answer.text) == (400, True)


def test_a_head_that_names_two_hosts_is_refused():
    answer = guarded().get("/", headers=[("host", "localhost:3000"), ("host", "elsewhere.example")])
    assert answer.status_code == 400


def test_the_page_is_framed_nowhere():
    assert "frame-ancestors 'none'" in guarded().get("/").headers["content-security-policy"]


def test_a_password_file_others_may_read_is_refused(tmp_path):
    file = tmp_path / "page.passwords"
    file.write_text(f"ops:{WORD}\n")
    file.chmod(0o644)
    with pytest.raises(SettingsRefused, match="has mode 644"):
        read_passwords(file)


@pytest.mark.parametrize("text", ["", "ops", "ops:short", f":{WORD}", f"ops:{WORD}\nops:{WORD}2"])
def test_a_password_file_with_a_bad_line_is_refused_without_showing_it(tmp_path, text):
    file = tmp_path / "page.passwords"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(SettingsRefused) as refused:
        read_passwords(file)
    assert WORD not in str(refused.value)
