drop view outbox;
drop view audit;
drop table control;
drop table posting;
drop table risk_day;
drop table lease;
drop table head;
drop table release;
drop table gate;
drop table approval;

-- The tables of the schema before are the first columns of these.
create table corporate_action_1 (
    entry_id text primary key,
    sequence integer not null references event (sequence)
) strict;
insert into corporate_action_1 select entry_id, sequence from corporate_action;
drop table corporate_action;
alter table corporate_action_1 rename to corporate_action;

create table fill_1 (
    execution_id text primary key,
    sequence integer not null references event (sequence)
) strict;
insert into fill_1 select execution_id, sequence from fill;
drop table fill;
alter table fill_1 rename to fill;

create table cycle_1 (
    cycle_id text primary key,
    sequence integer not null references event (sequence)
) strict;
insert into cycle_1 select cycle_id, sequence from cycle;

create table intent_1 (
    client_order_id text primary key,
    cycle_id text not null references cycle_1 (cycle_id),
    symbol text not null,
    side text not null,
    leg text not null,
    sequence integer not null references event (sequence),
    unique (cycle_id, symbol, side, leg)
) strict;
insert into intent_1 select client_order_id, cycle_id, symbol, side, leg, sequence from intent;

create table submission_1 (
    client_order_id text primary key references intent_1 (client_order_id),
    sequence integer not null references event (sequence)
) strict;
insert into submission_1 select client_order_id, sequence from submission;

drop table submission;
drop table intent;
drop table cycle;
alter table cycle_1 rename to cycle;
alter table intent_1 rename to intent;
alter table submission_1 rename to submission;
