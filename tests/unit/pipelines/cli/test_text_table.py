from pipelines.cli.text_table import text_table


def test_numbers_are_aligned_right_and_words_left():
    assert text_table(("symbol", "usd"), [("A", "1.50"), ("BCDEFGH", "1,000")]) == (
        "symbol     usd\n-------  -----\nA         1.50\nBCDEFGH  1,000"
    )


def test_what_is_absent_is_a_dash():
    assert text_table(("a", "b"), [(None, "x")]).splitlines()[-1] == "-  x"


def test_a_table_without_rows_is_its_header():
    assert text_table(("a", "bb"), []) == "a  bb\n-  --"
