-- One row per version of an index level: index, session and the instant it became known.
with

parts as (
    select * from {{ source('raw', 'indices') }}
),

renamed as (
    select
        index_name,
        session,
        close as close_level,
        source as source_name,
        feed,
        known_at,
        parse_filename(filename, true) as part
    from parts
)

select * from renamed
