-- The append-only ledger. Rows are written once, and triggers refuse every change.
create table event (
    sequence integer primary key,
    previous_hash text not null,
    hash text not null unique,
    body text not null
) strict;

-- Facts that may exist once for ever. Each row is written in the transaction of its event.
create table cycle (
    cycle_id text primary key,
    sequence integer not null references event (sequence)
) strict;

create table intent (
    client_order_id text primary key,
    cycle_id text not null references cycle (cycle_id),
    symbol text not null,
    side text not null,
    leg text not null,
    sequence integer not null references event (sequence),
    -- The cycle id holds account and strategy.
    unique (cycle_id, symbol, side, leg)
) strict;

create table submission (
    client_order_id text primary key references intent (client_order_id),
    sequence integer not null references event (sequence)
) strict;

create table fill (
    execution_id text primary key,
    sequence integer not null references event (sequence)
) strict;

create table corporate_action (
    entry_id text primary key,
    sequence integer not null references event (sequence)
) strict;
