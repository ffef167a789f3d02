"""News providers that can be switched on beside a mode's own source of headlines: a file each, which binds PROVIDER."""
