{# Fails with every regime that is none of the four. #}
{% test accepted_regimes(model) %}
    select regime
    from {{ model }}
    where regime not in ('bull_calm', 'bull_volatile', 'bear_calm', 'bear_volatile')
{% endtest %}
