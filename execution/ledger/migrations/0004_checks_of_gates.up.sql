-- append-only: event, release, gate, approval, submission, fill, corporate_action, posting
-- events: GateJudged, AccountAdjusted, RepriceRequested, WordSigned
-- A gate is its checks, one row each, instead of the batch, which the cycle names already. Folded from the events again.
drop table gate;

create table gate (
    cycle_id text not null references cycle (cycle_id),
    line integer not null,
    name text not null,
    subject text not null,
    status text not null check (status in ('passed', 'failed')),
    value text not null,
    threshold text not null,
    sequence integer not null references event (sequence),
    primary key (cycle_id, line)
) strict;
