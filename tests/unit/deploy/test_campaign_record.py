from deploy.run_campaign import _proofs

REPORT = """<testsuites><testsuite>
<testcase classname="tests.campaign.test_b" name="test_two" time="1.234">
  <properties><property name="orders" value="1200"/></properties></testcase>
<testcase classname="tests.campaign.test_a" name="test_one" time="2">
  <failure message="lost an order">...</failure></testcase>
<testcase classname="tests.campaign.test_c" name="test_three" time="0"><skipped message="no data"/></testcase>
</testsuite></testsuites>"""


def test_each_proof_is_one_entry_with_outcome_reason_seconds_and_counts(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    proofs = _proofs(report)
    assert [(proof["proof"], proof["outcome"], proof["reason"]) for proof in proofs] == [
        ("tests.campaign.test_a::test_one", "failure", "lost an order"),
        ("tests.campaign.test_b::test_two", "passed", ""),
        ("tests.campaign.test_c::test_three", "skipped", "no data"),
    ]
    assert proofs[1]["seconds"] == 1.23
    assert proofs[1]["counted"] == {"orders": "1200"}
