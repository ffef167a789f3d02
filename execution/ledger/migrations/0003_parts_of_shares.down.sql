-- The schema before counts whole shares: an account that ever traded a part of one stays here.
create table whole_shares_only (parts integer not null check (parts = 0)) strict;
insert into whole_shares_only select count(*) from intent where quantity_shares like '%.%' or filled_shares like '%.%';
insert into whole_shares_only select count(*) from submission where quantity_shares like '%.%';
insert into whole_shares_only select count(*) from fill where quantity_shares like '%.%';
insert into whole_shares_only select count(*) from corporate_action where quantity_delta_shares like '%.%';
drop table whole_shares_only;

create table corporate_action_2 (
    entry_id text primary key,
    kind text not null,
    symbol text not null,
    session text not null,
    quantity_delta_shares integer not null,
    cash_usd text not null,
    sequence integer not null references event (sequence)
) strict;
insert into corporate_action_2
select entry_id, kind, symbol, session, cast(quantity_delta_shares as integer), cash_usd, sequence
from corporate_action;
drop table corporate_action;
alter table corporate_action_2 rename to corporate_action;

create table fill_2 (
    execution_id text primary key,
    client_order_id text not null,
    symbol text not null,
    side text not null,
    quantity_shares integer not null check (quantity_shares > 0),
    price_usd text not null,
    fee_usd text not null,
    filled_at text not null,
    reverses text,
    sequence integer not null references event (sequence)
) strict;
insert into fill_2
select execution_id, client_order_id, symbol, side, cast(quantity_shares as integer), price_usd, fee_usd, filled_at,
    reverses, sequence
from fill;
drop table fill;
alter table fill_2 rename to fill;

create table intent_2 (
    client_order_id text primary key,
    cycle_id text not null references cycle (cycle_id),
    symbol text not null,
    side text not null,
    leg text not null,
    state text not null,
    quantity_shares integer not null check (quantity_shares > 0),
    limit_usd text,
    stop_usd text,
    reserved_usd text not null,
    filled_shares integer not null,
    broker_order_id text,
    sequence integer not null references event (sequence),
    -- The cycle id holds account and strategy.
    unique (cycle_id, symbol, side, leg)
) strict;
insert into intent_2
select client_order_id, cycle_id, symbol, side, leg, state, cast(quantity_shares as integer), limit_usd, stop_usd,
    reserved_usd, cast(filled_shares as integer), broker_order_id, sequence
from intent;

create table submission_2 (
    client_order_id text primary key references intent_2 (client_order_id),
    quantity_shares integer not null check (quantity_shares > 0),
    reserved_usd text not null,
    at text not null,
    sequence integer not null references event (sequence)
) strict;
insert into submission_2
select client_order_id, cast(quantity_shares as integer), reserved_usd, at, sequence
from submission;

drop table submission;
drop table intent;
alter table intent_2 rename to intent;
alter table submission_2 rename to submission;
