"""The registry of news providers: which there are. A provider is one file in `assets/ingest/news_providers`."""

import importlib
import pkgutil
from collections.abc import Iterable

from assets.ingest import news_providers
from assets.ingest.news_provider import NewsProvider
from execution.domain.errors import DataError, SettingsRefused


def providers_named(names: Iterable[str]) -> tuple[NewsProvider, ...]:
    """Return providers by name, in the order of their names.

    Raises:
        SettingsRefused: there is none of a name.
    """
    known = every_provider()
    unknown = sorted(set(names) - known.keys())
    if unknown:
        raise SettingsRefused(
            f"news_providers names {', '.join(unknown)}, expected some of {', '.join(known)}: "
            "put a file that binds PROVIDER into assets/ingest/news_providers, or correct the name"
        )
    return tuple(known[name] for name in sorted(set(names)))


def every_provider() -> dict[str, NewsProvider]:
    """Return every provider by its name.

    Raises:
        DataError: a file binds none, or one of another name than the file's.
    """
    found: dict[str, NewsProvider] = {}
    for module in pkgutil.iter_modules(news_providers.__path__):
        bound = getattr(importlib.import_module(f"{news_providers.__name__}.{module.name}"), "PROVIDER", None)
        if not isinstance(bound, NewsProvider) or bound.name != module.name:
            raise DataError(
                f"assets/ingest/news_providers/{module.name}.py binds {bound!r}: expected PROVIDER, a NewsProvider "
                f"called {module.name}"
            )
        found[bound.name] = bound
    return found
