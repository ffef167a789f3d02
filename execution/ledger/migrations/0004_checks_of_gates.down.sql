-- The schema before knows the batch alone; which checks it passed stays in the events.
drop table gate;

create table gate (
    cycle_id text primary key references cycle (cycle_id),
    batch_hash text not null,
    sequence integer not null references event (sequence)
) strict;
insert into gate select cycle_id, batch_hash, sequence from cycle where plan = 'recorded';
