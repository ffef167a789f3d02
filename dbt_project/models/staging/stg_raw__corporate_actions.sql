-- One row per version of a split or dividend: symbol, ex-session, action and the instant it became known.
with

parts as (
    select * from {{ source('raw', 'corporate_actions') }}
),

renamed as (
    select
        symbol,
        ex_session,
        action,
        value,
        source as source_name,
        feed,
        known_at,
        parse_filename(filename, true) as part
    from parts
)

select * from renamed
