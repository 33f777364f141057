"""The databases that SQL hooks are tried on, each with tables of its own."""

import json
import sqlite3
from itertools import count
from urllib.parse import urlsplit

_databases = count(1)


class Sqlite:
    """A file."""

    name = "sqlite"
    serial = "INTEGER PRIMARY KEY"
    long_text = "TEXT"

    def __init__(self, path):
        self.path = path
        self.dsn = f"sqlite:///{path}"

    def rows(self, table, columns):
        """Every row of a table as a list of texts and numbers."""
        pairs = ", ".join(f"'{it}', {it}" for it in columns)
        found = self.sql(f"SELECT json_object({pairs}) FROM {table}")
        return [list(json.loads(line).values()) for line in found.split("\n") if line]

    def sql(self, statement):
        """What the statement gives: a row a line, its columns with | between them."""
        connection = sqlite3.connect(self.path)
        with connection:
            rows = connection.execute(statement).fetchall()
        connection.close()
        return "\n".join("|".join(map(str, row)) for row in rows)


class Postgres(Sqlite):
    """A schema of the shared server, which is its user's for the test."""

    name = "postgresql"
    serial = "INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY"

    def __init__(self, server):
        self.server = server
        self.schema = f"hooks_{next(_databases)}"
        # A user of its own: its tables are in the schema that bears its name.
        server.sql(
            f"CREATE ROLE {self.schema} LOGIN PASSWORD 'pw-of-hooks'",
            f"CREATE SCHEMA {self.schema} AUTHORIZATION {self.schema}",
        )
        host = urlsplit(server.url).netloc.rpartition("@")[2]
        self.dsn = f"postgresql://{self.schema}:pw-of-hooks@{host}/postgres"

    def rows(self, table, columns):
        """As of `Sqlite`."""
        found = self.sql(f"SELECT json_build_array({', '.join(columns)}) FROM {table}")
        return [json.loads(line) for line in found.split("\n") if line]

    def sql(self, statement):
        """As of `Sqlite`."""
        return self.server.sql(
            f"SET ROLE {self.schema}", f"SET search_path = {self.schema}", statement
        )


class Mariadb(Sqlite):
    """A database of the shared server."""

    name = "mariadb"
    serial = "INTEGER AUTO_INCREMENT PRIMARY KEY"
    long_text = "LONGTEXT"

    def __init__(self, server):
        self.server = server
        self.dsn = server.database_url()

    def rows(self, table, columns):
        """As of `Sqlite`."""
        found = self.sql(f"SELECT JSON_ARRAY({', '.join(columns)}) FROM {table}")
        return [json.loads(line) for line in found.split("\n") if line]

    def sql(self, statement):
        """As of `Sqlite`."""
        return self.server.sql(statement, self.dsn.rpartition("/")[2])
