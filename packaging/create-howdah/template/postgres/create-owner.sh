#!/bin/sh
# Creates the owner of the app's database when the server of docker-compose.yml starts for the first
# time. The owner may create roles and is no superuser, so SQL in its name cannot run programs or
# read files. The superuser loses its password: it logs in by the socket of the container only.
# Searches by vectors use pgvector, which is part of the image.
set -e
psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname postgres \
  -v password="$POSTGRES_PASSWORD" -v superuser="$POSTGRES_USER" <<'SQL'
create role app login createrole password :'password';
create database app owner app;
\connect app
create extension if not exists vector;
alter role :"superuser" password null;
SQL
