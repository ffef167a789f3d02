"""A page that is asked to end takes the processes it loaded the graph in with it."""

import signal

import psutil
import pytest

from tests.integration.page.page_process import served_page

SECONDS_IT_MAY_TAKE = 20.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_of_a_page_that_ended(number, tmp_path):
    with served_page(tmp_path) as page:
        server = psutil.Process(page.pid)
        loaded = server.children(recursive=True)
        assert any("grpc" in process.cmdline() for process in loaded)
        server.send_signal(number)
        gone, left = psutil.wait_procs([server, *loaded], SECONDS_IT_MAY_TAKE)
    assert (len(gone), left) == (1 + len(loaded), [])
    assert "Traceback" not in (tmp_path / "page.log").read_text()
