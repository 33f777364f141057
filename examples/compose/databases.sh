#!/bin/sh
# PostgreSQL's image runs this once, when its data directory is empty: a user and a database of the
# same name for each in DATABASES, with the password in /run/secrets/NAME_database_password or in the
# variable NAME_DATABASE_PASSWORD.
set -eu
for name in $DATABASES; do
  variable=$(echo "${name}_DATABASE_PASSWORD" | tr '[:lower:]' '[:upper:]')
  file=/run/secrets/${name}_database_password
  if [ -r "$file" ]; then password=$(cat "$file"); else eval "password=\$$variable"; fi
  # Logto's setup makes a role of its own for each tenant.
  role=$([ "$name" = logto ] && echo CREATEROLE || echo NOCREATEROLE)
  psql --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 \
    --set name="$name" --set password="$password" <<SQL
CREATE ROLE :"name" LOGIN $role PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
done
