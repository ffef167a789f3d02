-- One row per session and listed symbol: headline counts and sums of 1, 5 and 20 sessions as known at the cut-off.
{{
    config(
        tags=["marts"],
        pre_hook=["{{ clear_current_session() }}", "{{ list_feature_parts('news_sentiment', sessions_before=19) }}"],
    )
}}

with

sessions as (
    {{ sessions_to_build() }}
),

-- A version counts from the session it became usable in until its correction does; a headline's age is its first
-- version's. Positions are places in the exchange calendar.
headlines as (
    select
        scored.symbol,
        scored.sentiment_milli,
        scored.weight,
        scored.first_position,
        usable.position as usable_from,
        lead(usable.position) over (
            partition by scored.news_id, scored.symbol order by scored.known_at
        ) as usable_until
    from ({{ feature_rows('news_sentiment') }}) as scored
    inner join {{ source('request', 'sessions') }} as usable on scored.session = usable.session
    -- What another provider told before is no second story.
    where scored.same_story_as is null
),

-- Sums of whole numbers, thousandths by the weight of who told them: exact in any order.
counted as (
    select
        sessions.session,
        headlines.symbol,
        {% for window in [1, 5, 20] -%}
            count(*) filter (where headlines.first_position > sessions.position - {{ window }}) as count_{{ window }}d,
            sum(headlines.sentiment_milli * headlines.weight) filter (
                where headlines.first_position > sessions.position - {{ window }}
            )::bigint as sentiment_milli_{{ window }}d,
            sum(headlines.weight) filter (
                where headlines.first_position > sessions.position - {{ window }}
            )::bigint as weight_{{ window }}d{{ "," if not loop.last }}
        {% endfor %}
    from sessions
    inner join headlines
        on
            headlines.usable_from <= sessions.position
            and (headlines.usable_until is null or headlines.usable_until > sessions.position)
            and headlines.first_position > sessions.position - 20
    group by sessions.session, headlines.symbol
),

-- Before its feed began a symbol has no count: silence and absence are different facts.
feed as (
    select min(usable.position) as began
    from {{ source('request', 'sessions') }} as usable
    where
        usable.as_of >= (
            select min(staged.known_at)
            from {{ ref('stg_raw__news') }} as staged
            where staged.part in ({{ pinned_parts('news') }})
        )
),

final as (
    select
        listed.session,
        listed.symbol,
        {% for window in [1, 5, 20] -%}
            case
                when sessions.position - feed.began + 1 >= {{ window }} then coalesce(counted.count_{{ window }}d, 0)
            end as count_{{ window }}d,
            counted.sentiment_milli_{{ window }}d,
            case
                when sessions.position - feed.began + 1 >= {{ window }} then counted.weight_{{ window }}d
            end as weight_{{ window }}d{{ "," if not loop.last }}
        {% endfor %}
    from {{ ref('int_securities__as_known') }} as listed
    inner join sessions on listed.session = sessions.session
    cross join feed
    left join counted on listed.session = counted.session and listed.symbol = counted.symbol
    order by listed.session, listed.symbol
)

select * from final
