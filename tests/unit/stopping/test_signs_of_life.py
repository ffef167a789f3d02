"""Each gives a sign of life in a file of its own: an act that begins is no sign of a living daemon."""

from pathlib import Path

from pipelines.home import Home
from pipelines.stopping import beating, open_acting_desk
from tests.builders.trading_home import TradingHome


def test_the_daemons_work_touches_the_daemons_file_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert beating(home, lambda: "done")() == "done"
    assert (home.heartbeat.exists(), home.act_heartbeat.exists()) == (True, False)


def test_an_act_touches_its_own_file_alone(tmp_path: Path) -> None:
    lived = TradingHome(tmp_path)
    open_acting_desk(lived.settings, lived.home)
    assert (lived.home.heartbeat.exists(), lived.home.act_heartbeat.exists()) == (False, True)
