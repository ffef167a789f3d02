-- One row per version of a headline: news id, symbol and the instant it became known.
with

parts as (
    select * from {{ source('raw', 'news') }}
),

renamed as (
    select
        news_id,
        symbol,
        published_at,
        headline,
        source as source_name,
        feed,
        known_at,
        parse_filename(filename, true) as part
    from parts
)

select * from renamed
