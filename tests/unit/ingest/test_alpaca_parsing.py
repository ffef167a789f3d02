from datetime import date
from decimal import Decimal

import pytest

from assets.ingest.alpaca_parsing import actions_of, assets_of, bar_columns, news_of, next_token
from execution.domain.errors import DataError


def bar(price: str = "10.5", **fields: str) -> str:
    told = {"t": '"2024-03-04T05:00:00Z"', "o": price, "h": price, "l": price, "c": price, "v": "100", "n": "1"}
    return "{" + ",".join(f'"{name}":{value}' for name, value in {**told, **fields}.items()) + "}"


@pytest.mark.parametrize("page", ['{"bars":null,"next_page_token":null}', '{"bars":{}}', '{"bars":{"AAA":[]}}', "{}"])
def test_case_58_a_page_without_bars_has_no_rows(page: str) -> None:
    assert len(bar_columns([page.encode()])["symbol"]) == 0


@pytest.mark.parametrize("price", ["0.000001", "48.49", "0.1", "1234567.123456", "523000"])
def test_a_price_of_six_decimals_is_read_exactly(price: str) -> None:
    columns = bar_columns([f'{{"bars":{{"AAA":[{bar(price)}]}}}}'.encode()])
    assert columns["close_usd"].to_pylist() == [Decimal(price)]


def test_symbols_stay_with_their_bars_across_pages() -> None:
    pages = [f'{{"bars":{{"AAA":[{bar()},{bar()}],"BBB":[{bar()}]}}}}', f'{{"bars":{{"BBB":[{bar("2")}]}}}}']
    columns = bar_columns([page.encode() for page in pages])
    assert columns["symbol"].to_pylist() == ["AAA", "AAA", "BBB", "BBB"]
    assert columns["open_usd"].to_pylist()[-1] == 2


def test_a_field_nobody_knows_changes_nothing() -> None:
    page = f'{{"bars":{{"AAA":[{bar(quantum="true")}]}},"currency":"USD","new":[1]}}'
    assert len(bar_columns([page.encode()])["symbol"]) == 1


def test_a_volume_written_with_a_fraction_is_whole_shares() -> None:
    page = f'{{"bars":{{"AAA":[{bar(v="100.0")}]}}}}'
    assert bar_columns([page.encode()])["volume_shares"].to_pylist() == [100]


@pytest.mark.parametrize("page", ["<html>", "", "[]", '{"bars":{"AAA":[{"t":"x"}]}}', '{"bars":{"AAA":[null]}}'])
def test_what_is_no_page_of_bars_is_refused_whole(page: str) -> None:
    with pytest.raises(DataError, match="not what its description says"):
        bar_columns([page.encode()])


def test_the_last_page_has_no_token() -> None:
    assert next_token(b'{"next_page_token":"abc","bars":{}}') == "abc"
    assert next_token(b'{"next_page_token":null}') is None
    assert next_token(b'{"next_page_token":""}') is None
    assert next_token(b"{}") is None


def test_kinds_of_actions_nobody_knows_are_left_out() -> None:
    split = '{"symbol":"AAA","ex_date":"2024-03-06","new_rate":2,"old_rate":1,"id":"x"}'
    told = actions_of(f'{{"corporate_actions":{{"forward_splits":[{split}],"spells":[{{"a":1}}]}}}}'.encode())
    assert [(each.ex_date, each.new_rate) for each in told.forward_splits] == [(date(2024, 3, 6), 2)]
    assert actions_of(b'{"corporate_actions":null}').cash_dividends == []


def test_case_60_headlines_are_read_with_their_entities_resolved_and_none_may_be_absent() -> None:
    item = (
        '{"id":7,"headline":" A&amp;B &#39;rise&#39; ","created_at":"2024-03-04T10:00:00Z",'
        '"updated_at":"2024-03-04T10:00:00.123456789Z","symbols":null,"content":""}'
    )
    [told] = news_of(f'{{"news":[{item}]}}'.encode())
    assert told.headline == "A&B 'rise'"
    assert news_of(b'{"news":null}') == []


def test_a_security_may_lack_every_field_but_its_symbol() -> None:
    [asset] = assets_of(b'[{"symbol":"AAA","class":"us_equity","borrow_status":"quantum"}]')
    assert (asset.symbol, asset.name, asset.tradable) == ("AAA", None, None)
