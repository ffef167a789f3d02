-- One row per version of an index membership: index, symbol, first session and the instant it became known.
with

parts as (
    select * from {{ source('raw', 'membership') }}
),

renamed as (
    select
        index_name,
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
