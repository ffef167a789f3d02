import dagster as dg
import pytest

from assets.run_tags import FAILURE_KIND_TAG
from execution.domain.errors import AccessDenied, VenueUnavailable
from pipelines.failure_kind import failure_kind
from pipelines.jobs import JOBS, Job, job_definitions


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("error", "kind"), [(AccessDenied("keys"), "needs_review"), (VenueUnavailable("silent"), "recoverable")]
)
def test_a_failed_run_says_what_its_failure_asks_for(error: Exception, kind: str) -> None:
    @dg.asset
    def broken() -> None:
        raise error

    job = dg.define_asset_job("broken_job", selection=[broken], hooks={failure_kind})
    with dg.DagsterInstance.ephemeral() as instance:
        resolved = dg.Definitions(assets=[broken], jobs=[job]).resolve_job_def("broken_job")
        result = resolved.execute_in_process(instance=instance, raise_on_error=False)
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        assert run.tags[FAILURE_KIND_TAG] == kind


@pytest.mark.parametrize("row", JOBS, ids=lambda row: str(row.act))
def test_every_job_says_so(row: Job) -> None:
    assert job_definitions(row.location)[row.act].hooks == {failure_kind}
