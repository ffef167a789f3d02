-- Fails when filed figures were summed up from other parts than the session's pinned ones: the base models were
-- materialized for another session since, and the marts would be built on what that one knew.
-- depends_on: {{ ref('int_fundamentals__as_known') }}
with

unread as (
    {{ pinned_parts('filings') }}
        and pinned.part <> '_schema'
        and pinned.part not in (select distinct staged.part from {{ ref('stg_raw__filings') }} as staged)
),

-- A symbol all of whose figures were already 830 days old when they were told has no row.
pinned as (
    select
        symbol,
        count(*) as figures_read,
        coalesce(bool_or(period_end > known_at::date - 830), false) as has_rows
    from {{ ref('stg_raw__filings') }}
    where part in ({{ pinned_parts('filings') }})
    group by symbol
),

stored as (
    select symbol, max(figures_read) as figures_read
    from {{ ref('int_fundamentals__by_filing') }}
    group by symbol
),

stale as (
    select coalesce(stored.symbol, pinned.symbol) as symbol
    from stored
    full join pinned on stored.symbol = pinned.symbol
    where
        stored.figures_read is distinct from pinned.figures_read
        and (stored.symbol is not null or pinned.has_rows)
),

found as (
    select
        (select count(*) from unread) as parts,
        (select count(*) from stale) as symbols,
        (select min(symbol) from stale) as first_symbol,
        (select session from {{ source('request', 'sessions') }} where is_current) as session
)

-- A failing test tells a person the number of its rows alone; this one says what to do.
select session
from found
where
    case
        when parts + symbols > 0
            then error(
                'filed figures of ' || symbols || ' symbols'
                || coalesce(', first ' || first_symbol, '') || ', and ' || parts || ' parts of raw/filings are not as '
                || 'pinned for ' || session || ': materialize features/staging/stg_raw__filings and '
                || 'features/intermediate/int_fundamentals__by_filing of this session again with the other base '
                || 'models, then the marts'
            )
    end is not null
