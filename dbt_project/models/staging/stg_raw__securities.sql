-- One row per version of a security: symbol and the instant it became known.
with

parts as (
    select * from {{ source('raw', 'securities') }}
),

renamed as (
    select
        symbol,
        name as security_name,
        sector,
        listed_session,
        delisted_session,
        source as source_name,
        feed,
        known_at,
        parse_filename(filename, true) as part
    from parts
)

select * from renamed
