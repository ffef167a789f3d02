"""Where a person signs in and out: two addresses before Dagster's page, and the cookie that goes with them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from pipelines.page.rules import SIGN_IN, SIGN_OUT, PageRules, Visit
from pipelines.page.sessions import Session, Sessions

_POLICY: Final = "default-src 'none'; form-action 'self'; base-uri 'none'"
_CHALLENGE: Final = {"www-authenticate": 'Session realm="touchstone"'}
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Touchstone</title>
<h1>Touchstone</h1>
{said}
"""
_FORM: Final = f"""<form method="post" action="{SIGN_IN}">
<p><label>Name <input name="user" autocomplete="username" required autofocus></label>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<p><button>Sign in</button>
</form>"""
_OUT: Final = f"""<form method="post" action="{SIGN_OUT}"><p><button>Sign out</button></form>"""


class Door:
    """The door of one page."""

    def __init__(self, sessions: Sessions, *, rules: PageRules, port: int) -> None:
        """Open a door.

        Args:
            sessions: who is signed in.
            rules: what may pass; says whether the browser comes over TLS.
            port: of the page, a part of the cookie's name: browsers send one machine's cookies to each of its ports.
        """
        self.sessions, self._rules = sessions, rules
        # The prefix makes a browser refuse the cookie from anywhere but this very host, and without TLS.
        self._cookie = f"{'__Host-' if rules.is_encrypted else ''}touchstone-{port}"

    def token(self, visit: Visit) -> str:
        """Return the word in a request's cookie; empty when there is none."""
        return cookie_parser(visit.said("cookie")).get(self._cookie, "")

    def unknown(self, visit: Visit) -> Response:
        """Return what a stranger is answered: a browser the form, at the address it asked for."""
        if visit.method == "GET" and "text/html" in visit.said("accept"):
            return _shown(_FORM, status=401)
        return PlainTextResponse(f"sign in at {SIGN_IN} first\n", status_code=401, headers=_CHALLENGE)

    def looked_at(self, session: Session | None) -> Response:
        """Return the sign-in page: the form, or who is signed in."""
        if session is None:
            return _shown(_FORM)
        until = datetime.fromtimestamp(session.began_at, UTC) + self.sessions.longest
        told = f"<p>Signed in as {escape(session.user)}, until {until:%Y-%m-%d %H:%M} UTC at the latest."
        return _shown(f'{told}\n<p><a href="/">To the page</a>\n{_OUT}')

    def signed_in(self, visit: Visit, body: bytes) -> Response:
        """Return the answer to a filled-in form: on to where the form stood, with a cookie; or the form again."""
        given = _fields(body)
        token = self.sessions.sign_in(given.get("user", ""), given.get("password", ""))
        if token is None:
            return _shown(f"<p>Name or password is wrong.\n{_FORM}", status=403)
        self.sessions.sign_out(self.token(visit))
        return self._sent_on(self._where_from(visit), f"{self._cookie}={token}")

    def signed_out(self, visit: Visit) -> Response:
        """End the session of a request and return the answer, which takes its cookie away."""
        self.sessions.sign_out(self.token(visit))
        return self._sent_on(SIGN_IN, f"{self._cookie}=; Max-Age=0")

    def _sent_on(self, address: str, cookie: str) -> Response:
        secure = "; Secure" if self._rules.is_encrypted else ""
        answer = RedirectResponse(address, status_code=303)
        answer.headers["set-cookie"] = f"{cookie}; Path=/; HttpOnly; SameSite=Strict{secure}"
        return answer

    def _where_from(self, visit: Visit) -> str:
        referer = visit.said("referer")
        # Nothing but an address of this page: a form must not send people elsewhere.
        is_own = self._rules.is_own(referer) and urlsplit(referer).path != SIGN_IN
        return referer if is_own else "/"


def _fields(body: bytes) -> Mapping[str, str]:
    try:
        found = parse_qs(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=4)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def _shown(said: str, *, status: int = 200) -> HTMLResponse:
    headers = {"content-security-policy": _POLICY} | (_CHALLENGE if status == 401 else {})
    return HTMLResponse(_PAGE.format(said=said), status_code=status, headers=headers)
