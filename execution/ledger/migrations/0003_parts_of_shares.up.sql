-- append-only: event, release, gate, approval, submission, fill, corporate_action, posting
-- Numbers of shares become decimal text, as money is: an account may hold a part of a share. All four tables are folded
-- from the events again, so they are made anew and filled by the fold.
drop table corporate_action;
drop table fill;
drop table submission;
drop table intent;

create table intent (
    client_order_id text primary key,
    cycle_id text not null references cycle (cycle_id),
    symbol text not null,
    side text not null,
    leg text not null,
    state text not null,
    quantity_shares text not null check (
        quantity_shares not like '-%' and quantity_shares <> '0' and quantity_shares <> ''
    ),
    limit_usd text,
    stop_usd text,
    reserved_usd text not null,
    filled_shares text not null check (filled_shares <> ''),
    broker_order_id text,
    sequence integer not null references event (sequence),
    -- The cycle id holds account and strategy.
    unique (cycle_id, symbol, side, leg)
) strict;

create table submission (
    client_order_id text primary key references intent (client_order_id),
    quantity_shares text not null check (
        quantity_shares not like '-%' and quantity_shares <> '0' and quantity_shares <> ''
    ),
    reserved_usd text not null,
    at text not null,
    sequence integer not null references event (sequence)
) strict;

create table fill (
    execution_id text primary key,
    client_order_id text not null,
    symbol text not null,
    side text not null,
    quantity_shares text not null check (
        quantity_shares not like '-%' and quantity_shares <> '0' and quantity_shares <> ''
    ),
    price_usd text not null,
    fee_usd text not null,
    filled_at text not null,
    reverses text,
    sequence integer not null references event (sequence)
) strict;

create table corporate_action (
    entry_id text primary key,
    kind text not null,
    symbol text not null,
    session text not null,
    quantity_delta_shares text not null check (quantity_delta_shares <> ''),
    cash_usd text not null,
    sequence integer not null references event (sequence)
) strict;
