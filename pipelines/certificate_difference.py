"""In what two certificates of one session differ: a verdict is another matter than a word."""

from execution.domain.provenance import GateCertificate


def certificate_difference(then: GateCertificate, now: GateCertificate) -> str:
    """Return which checks came, went, judge otherwise or only say it otherwise; empty when nothing differs.

    Args:
        then: the recorded certificate.
        now: the one made again, of the same session.
    """
    recorded, made = ({check.name: check for check in one.checks} for one in (then, now))
    both = [name for name in recorded if name in made]
    turned = [name for name in both if recorded[name].passed != made[name].passed]
    reworded = [name for name in both if name not in turned and recorded[name] != made[name]]
    told = {
        "checks added": [name for name in made if name not in recorded],
        "checks gone": [name for name in recorded if name not in made],
        "another verdict of": turned,
        "the same verdict in other words or figures of": reworded,
        "excluded otherwise": sorted({symbol for symbol, _ in {*then.excluded} ^ {*now.excluded}}),
        "symbols of one alone": sorted({*then.symbols} ^ {*now.symbols}),
    }
    return "; ".join(f"{what} {', '.join(names)}" for what, names in told.items() if names)
