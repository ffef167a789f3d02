-- One row per version of a filed figure: symbol, form, period end, metric and the instant it became known.
with

parts as (
    select * from {{ source('raw', 'filings') }}
),

renamed as (
    select
        symbol,
        form,
        period_end,
        metric,
        value,
        duration_months,
        source as source_name,
        feed,
        known_at,
        parse_filename(filename, true) as part
    from parts
)

select * from renamed
