-- One row per version of a watchlist entry: watchlist, symbol, first session and the instant it became known.
with

parts as (
    select * from {{ source('raw', 'watchlists') }}
),

renamed as (
    select
        watchlist,
        symbol,
        from_session,
        to_session,
        source as source_name,
        feed,
        known_at,
        parse_filename(filename, true) as part
    from parts
)

select * from renamed
