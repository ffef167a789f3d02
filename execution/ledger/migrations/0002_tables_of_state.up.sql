-- append-only: event, release, gate, approval, submission, fill, corporate_action, posting
-- What the events mean, as tables. All but head and lease are folded from the events again at any time, so the
-- tables of the schema before are dropped and their successors filled by the fold.
drop table corporate_action;
drop table fill;
drop table submission;
drop table intent;
drop table cycle;

-- The one row that every writer locks, and from which the next sequence comes.
create table head (
    id integer primary key check (id = 1),
    sequence integer not null,
    hash text not null
) strict;
insert into head select 1, sequence, hash from event where sequence = (select max(sequence) from event);
insert into head select 1, 0, '0000000000000000000000000000000000000000000000000000000000000000'
where not exists (select 1 from event);

-- Operational, no part of the chain: who may write now. The row stays for ever, so that its token only rises.
create table lease (
    name text primary key,
    holder text not null,
    token integer not null,
    expires_at_milliseconds integer not null
) strict;

create table release (
    sequence integer primary key references event (sequence),
    release_id text not null,
    code_hash text not null,
    settings_hash text not null,
    schema_version integer not null,
    model_hash text,
    approver text not null
) strict;

create table cycle (
    cycle_id text primary key,
    session text not null,
    plan text not null check (plan in ('recorded', 'held', 'missed')),
    plan_hash text,
    batch_hash text,
    limits_hash text,
    state text not null check (state in ('planned', 'approved', 'submitted', 'settled', 'missed')),
    sequence integer not null references event (sequence)
) strict;

-- The evidence a plan rests on: the batch, which carries the gate certificate it was made under.
create table gate (
    cycle_id text primary key references cycle (cycle_id),
    batch_hash text not null,
    sequence integer not null references event (sequence)
) strict;

create table approval (
    sequence integer primary key references event (sequence),
    cycle_id text not null references cycle (cycle_id),
    plan_hash text not null,
    approver text not null,
    at text not null
) strict;

create table intent (
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

create table submission (
    client_order_id text primary key references intent (client_order_id),
    quantity_shares integer not null check (quantity_shares > 0),
    reserved_usd text not null,
    at text not null,
    sequence integer not null references event (sequence)
) strict;

create table risk_day (
    session text primary key,
    reserved_usd text not null,
    filled_usd text not null,
    entries integer not null,
    realised_usd text not null
) strict;

create table fill (
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

create table corporate_action (
    entry_id text primary key,
    kind text not null,
    symbol text not null,
    session text not null,
    quantity_delta_shares integer not null,
    cash_usd text not null,
    sequence integer not null references event (sequence)
) strict;

-- Double entry: one amount, the account that gets it, the account that gives it. No row can be out of balance.
create table posting (
    sequence integer not null references event (sequence),
    line integer not null,
    kind text not null,
    debit text not null,
    credit text not null,
    unit text not null check (unit in ('usd', 'share')),
    amount text not null check (amount not like '-%' and amount <> '0' and amount <> ''),
    primary key (sequence, line),
    check (debit <> credit and debit <> '' and credit <> '')
) strict;

create table control (
    id integer primary key check (id = 1),
    state text not null,
    actor text not null,
    reason text not null,
    at text not null,
    sequence integer not null references event (sequence)
) strict;

-- Every row as an auditor reads it.
create view audit as select sequence, previous_hash, hash, body from event;

-- What somebody has to be told or another process has to fetch. The row is there in the transaction of the fact itself;
-- who reads it keeps his own place, a sequence, and may read again.
create view outbox as select sequence, body from event
where body like '%"kind":"OutcomeUnknown",%' or body like '%"kind":"OrderMissed",%'
or body like '%"kind":"OrderWrittenOff",%' or body like '%"kind":"ControlChanged",%'
or body like '%"kind":"SymbolQuarantined",%' or body like '%"kind":"AuditNoted",%'
or body like '%"kind":"SettleFinished",%';
