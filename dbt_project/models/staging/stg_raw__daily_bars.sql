-- One row per version of a daily bar: symbol, session and the instant it became known.
with

parts as (
    select * from {{ source('raw', 'daily_bars') }}
),

renamed as (
    select
        symbol,
        session,
        open_usd,
        high_usd,
        low_usd,
        close_usd,
        volume_shares,
        is_halted,
        source as source_name,
        feed,
        known_at,
        parse_filename(filename, true) as part
    from parts
)

select * from renamed
