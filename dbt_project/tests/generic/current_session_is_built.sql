{# Fails when the session asked for has no row: an empty table passes every other test. #}
{% test current_session_is_built(model) %}
    select sessions.session
    from {{ source('request', 'sessions') }} as sessions
    where
        sessions.is_current
        and not exists (select 1 from {{ model }} as built where built.session = sessions.session)
{% endtest %}
