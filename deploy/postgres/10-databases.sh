#!/bin/bash
# Two databases and two roles: the ledger's is apart from the orchestrator's, and neither role can enter the other's.
set -euo pipefail
for name in ledger dagster; do
    password="${name^^}_PASSWORD"
    psql --username "${POSTGRES_USER:-postgres}" --set ON_ERROR_STOP=1 \
        --set name="$name" --set password="${!password}" <<'SQL'
create role :"name" login password :'password';
create database :"name" owner :"name" encoding 'UTF8' template template0;
revoke all on database :"name" from public;
SQL
done
