-- One row per version of a scheduled event: symbol, kind, instant and when the schedule became known.
with

parts as (
    select * from {{ source('raw', 'events') }}
),

renamed as (
    select
        symbol,
        kind,
        scheduled_at,
        source as source_name,
        feed,
        known_at,
        parse_filename(filename, true) as part
    from parts
)

select * from renamed
