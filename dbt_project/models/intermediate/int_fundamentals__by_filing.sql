-- One row per symbol and instant a figure became known: what its filings said in sum from that instant on.
{{ config(tags=["base"], pre_hook="{{ clear_symbols_with_new_figures() }}") }}

with

symbols as (
    {{ symbols_with_new_figures() }}
),

figures as (
    select
        *,
        min(known_at) over (partition by symbol, form, period_end, metric) as first_known_at,
        first_value(value) over (
            partition by symbol, form, period_end, metric order by known_at
        ) as first_told
    from (
        {{
            versions_of(
                'filings',
                ['symbol', 'form', 'period_end', 'metric'],
                only='staged.symbol in (select symbols.symbol from symbols)',
            )
        }}
    )
),

instants as (
    select distinct figures.symbol, figures.known_at, symbols.figures_read
    from figures
    inner join symbols on figures.symbol = symbols.symbol
),

-- 830 days hold nine quarters: four for a year, one a year before the latest, and four for those who file late.
in_force as (
    select
        instants.symbol,
        instants.known_at,
        figures.metric,
        figures.duration_months,
        figures.period_end,
        figures.value,
        figures.known_at as told_at,
        figures.first_told,
        figures.first_known_at as first_told_at
    from instants
    inner join figures
        on
            instants.symbol = figures.symbol
            and {{ in_force('figures', 'instants.known_at') }}
            and figures.period_end > instants.known_at::date - 830
    qualify
        row_number() over (
            partition by
                instants.symbol, instants.known_at, figures.metric, figures.duration_months, figures.period_end
            order by figures.known_at desc, figures.form
        ) = 1
),

-- A fourth quarter is told as a year: the year less its three quarters. Not for figures per share, whose unit may
-- change with a split inside the year.
fourth_quarters as (
    select
        years.symbol,
        years.known_at,
        years.metric,
        years.period_end,
        any_value(years.value) - list_sum(list(quarters.value order by quarters.period_end)) as value,
        any_value(years.told_at) as told_at
    from in_force as years
    inner join in_force as quarters
        on
            years.symbol = quarters.symbol
            and years.known_at = quarters.known_at
            and years.metric = quarters.metric
            and quarters.duration_months = 3
            and quarters.period_end between years.period_end - 300 and years.period_end - 60
    where years.duration_months = 12 and years.metric <> 'eps_diluted'
    group by years.symbol, years.known_at, years.metric, years.period_end
    having count(*) = 3
),

told as (
    select
        symbol, known_at, metric, duration_months, period_end, value, told_at, first_told, first_told_at
    from in_force
    union all
    select
        fourth_quarters.symbol,
        fourth_quarters.known_at,
        fourth_quarters.metric,
        3 as duration_months,
        fourth_quarters.period_end,
        fourth_quarters.value,
        fourth_quarters.told_at,
        fourth_quarters.value as first_told,
        fourth_quarters.told_at as first_told_at
    from fourth_quarters
    anti join in_force as quarters
        on
            fourth_quarters.symbol = quarters.symbol
            and fourth_quarters.known_at = quarters.known_at
            and fourth_quarters.metric = quarters.metric
            and fourth_quarters.period_end = quarters.period_end
            and quarters.duration_months = 3
),

ages as (
    select
        *,
        row_number() over (
            partition by symbol, known_at, metric, duration_months order by period_end desc
        ) as age,
        max(period_end) over (partition by symbol, known_at, metric, duration_months) - period_end as days_before
    from told
),

metrics as (
    select
        symbol,
        known_at,
        metric,
        {% for age in range(1, 5) -%}
            max(value) filter (where duration_months = 3 and age = {{ age }}) as quarter_{{ age }},
        {% endfor -%}
        max(period_end) filter (where duration_months = 3 and age = 1) as quarter_1_end,
        max(period_end) filter (where duration_months = 3 and age = 4) as quarter_4_end,
        max(value) filter (where duration_months = 3 and days_before between 350 and 380) as quarter_ago,
        max(value) filter (where duration_months = 12 and age = 1) as year_1,
        max(period_end) filter (where duration_months = 12 and age = 1) as year_1_end,
        max(value) filter (where duration_months = 12 and days_before between 350 and 380) as year_ago,
        max(told_at) filter (where duration_months = 3 and age = 1) as quarter_1_told_at,
        max(told_at) filter (
            where duration_months = 3 and days_before between 350 and 380
        ) as quarter_ago_told_at,
        max(told_at) filter (where duration_months = 12 and age = 1) as year_1_told_at,
        max(told_at) filter (where duration_months = 12 and days_before between 350 and 380) as year_ago_told_at,
        max(value) filter (where duration_months = 0 and age = 1) as balance,
        max(told_at) filter (where duration_months = 0 and age = 1) as balance_told_at,
        max(first_told) filter (where duration_months = 3 and age = 1) as quarter_1_first_told,
        max(first_told_at) filter (where duration_months = 3 and age = 1) as quarter_1_first_told_at
    from ages
    group by symbol, known_at, metric
),

judged as (
    select
        *,
        year_1_end is not null and (quarter_1_end is null or year_1_end >= quarter_1_end) as is_year_newest,
        quarter_1 is not null
        and quarter_ago is not null
        and (year_1_end is null or quarter_1_end >= year_1_end) as is_quarter_comparable
    from metrics
),

summed as (
    select
        symbol,
        known_at,
        metric,
        balance,
        balance_told_at,
        quarter_1,
        quarter_1_told_at,
        quarter_1_first_told,
        quarter_1_first_told_at,
        case
            when is_year_newest then year_1
            when quarter_1_end - quarter_4_end between 250 and 300 then quarter_1 + quarter_2 + quarter_3 + quarter_4
        end as four_quarters,
        case when is_quarter_comparable then quarter_1 when is_year_newest then year_1 end as newest,
        case when is_quarter_comparable then quarter_ago when is_year_newest then year_ago end as year_before,
        case when is_quarter_comparable then quarter_1_told_at else year_1_told_at end as newest_told_at,
        case when is_quarter_comparable then quarter_ago_told_at else year_ago_told_at end as year_before_told_at
    from judged
),

reports as (
    select instants.symbol, instants.known_at, max(figures.first_known_at) as newest_filing_at
    from instants
    inner join figures
        on
            instants.symbol = figures.symbol
            and figures.first_known_at <= instants.known_at
            and figures.metric <> 'eps_estimate_next'
    group by instants.symbol, instants.known_at
),

final as (
    select
        instants.symbol,
        instants.known_at,
        instants.figures_read,
        any_value(reports.newest_filing_at) as newest_filing_at,
        {% for metric in ['revenue', 'net_income', 'operating_cash_flow'] -%}
            max(summed.four_quarters) filter (where summed.metric = '{{ metric }}') as {{ metric }}_four_quarters,
        {% endfor -%}
        {% for metric in ['revenue', 'net_income', 'eps_diluted'] -%}
            max(summed.newest) filter (where summed.metric = '{{ metric }}') as {{ metric }}_newest,
            max(summed.year_before) filter (where summed.metric = '{{ metric }}') as {{ metric }}_year_before,
        {% endfor -%}
        max(summed.newest_told_at) filter (where summed.metric = 'eps_diluted') as eps_newest_told_at,
        max(summed.year_before_told_at) filter (where summed.metric = 'eps_diluted') as eps_year_before_told_at,
        {% for metric in ['equity', 'assets', 'liabilities', 'shares_outstanding'] -%}
            max(summed.balance) filter (where summed.metric = '{{ metric }}') as {{ metric }},
        {% endfor -%}
        max(summed.balance_told_at) filter (where summed.metric = 'shares_outstanding') as shares_told_at,
        max(summed.quarter_1) filter (where summed.metric = 'eps_estimate_next') as eps_estimate,
        max(summed.quarter_1_first_told) filter (where summed.metric = 'eps_estimate_next') as eps_estimate_first_told,
        max(summed.quarter_1_told_at) filter (where summed.metric = 'eps_estimate_next') as eps_estimate_told_at,
        max(summed.quarter_1_first_told_at) filter (
            where summed.metric = 'eps_estimate_next'
        ) as eps_estimate_first_told_at
    from instants
    inner join summed on instants.symbol = summed.symbol and instants.known_at = summed.known_at
    left join reports on instants.symbol = reports.symbol and instants.known_at = reports.known_at
    group by instants.symbol, instants.known_at, instants.figures_read
)

select * from final
