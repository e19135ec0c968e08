"""SQLite files of ai-sdr, as its specification prints the tables and as SQLAlchemy writes them, and their import."""

import asyncio
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeAlias

import asyncpg

from tests.app_server import AppServer, Person
from tests.test_process import command

Answer: TypeAlias = "subprocess.CompletedProcess[str]"
TALK = "Agent: Hello.\nHow are you?\nCustomer: Fine: thank you.\nUser: Bye.\nAI: Good-bye."

PRINTED = """
CREATE TABLE agents (
    agent_id VARCHAR(100) PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    system_prompt TEXT NOT NULL,
    first_message TEXT,
    voice_provider VARCHAR(50) DEFAULT 'deepgram',
    voice_id VARCHAR(100) DEFAULT 'aura-2-thalia-en',
    model_provider VARCHAR(50) DEFAULT 'ollama',
    model_name VARCHAR(100) DEFAULT 'mixtral:8x7b',
    interrupt_enabled BOOLEAN DEFAULT 1,
    silence_threshold_sec FLOAT DEFAULT 0.8,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    user_id VARCHAR(100),
    is_active BOOLEAN DEFAULT 1
);
CREATE INDEX idx_user_id ON agents(user_id);
CREATE TABLE conversations (
    conversation_id VARCHAR(100) PRIMARY KEY,
    agent_id VARCHAR(100) NOT NULL,
    status VARCHAR(50) DEFAULT 'in-progress',
    transcript TEXT,
    phone_number VARCHAR(20),
    started_at TIMESTAMP,
    ended_at TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY(agent_id) REFERENCES agents(agent_id)
);
CREATE TABLE knowledge_bases (
    kb_id VARCHAR(100) PRIMARY KEY,
    agent_id VARCHAR(100) NOT NULL,
    name VARCHAR(255) NOT NULL,
    file_path VARCHAR(500),
    file_type VARCHAR(50) NOT NULL,
    chunk_count INTEGER DEFAULT 0,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY(agent_id) REFERENCES agents(agent_id)
);
CREATE TABLE agent_tools (
    tool_id VARCHAR(100) PRIMARY KEY,
    agent_id VARCHAR(100) NOT NULL,
    name VARCHAR(100) NOT NULL,
    description TEXT NOT NULL,
    required_params VARCHAR(1000) DEFAULT '[]',
    optional_params VARCHAR(1000) DEFAULT '[]',
    webhook_url VARCHAR(500),
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY(agent_id) REFERENCES agents(agent_id)
);
"""
# SQLAlchemy writes NOT NULL where the field list has it, no defaults, and moments with microseconds.
MAPPED = """
CREATE TABLE agents (
\tagent_id VARCHAR(100) NOT NULL,
\tname VARCHAR(255) NOT NULL,
\tsystem_prompt TEXT NOT NULL,
\tfirst_message TEXT,
\tvoice_provider VARCHAR(50) NOT NULL,
\tvoice_id VARCHAR(100) NOT NULL,
\tmodel_provider VARCHAR(50) NOT NULL,
\tmodel_name VARCHAR(100) NOT NULL,
\tinterrupt_enabled BOOLEAN NOT NULL,
\tsilence_threshold_sec FLOAT NOT NULL,
\tcreated_at DATETIME NOT NULL,
\tupdated_at DATETIME NOT NULL,
\tuser_id VARCHAR(100),
\tis_active BOOLEAN NOT NULL,
\tPRIMARY KEY (agent_id)
);
CREATE TABLE conversations (
\tconversation_id VARCHAR(100) NOT NULL,
\tagent_id VARCHAR(100) NOT NULL,
\tstatus VARCHAR(50) NOT NULL,
\ttranscript TEXT,
\tphone_number VARCHAR(20),
\tstarted_at DATETIME,
\tended_at DATETIME,
\tcreated_at DATETIME NOT NULL,
\tPRIMARY KEY (conversation_id),
\tFOREIGN KEY(agent_id) REFERENCES agents (agent_id)
);
CREATE TABLE agent_tools (
\ttool_id VARCHAR(100) NOT NULL,
\tagent_id VARCHAR(100) NOT NULL,
\tname VARCHAR(100) NOT NULL,
\tdescription TEXT NOT NULL,
\trequired_params VARCHAR(1000) NOT NULL,
\toptional_params VARCHAR(1000),
\twebhook_url VARCHAR(500),
\tcreated_at DATETIME NOT NULL,
\tPRIMARY KEY (tool_id),
\tFOREIGN KEY(agent_id) REFERENCES agents (agent_id)
);
"""


def make(path: Path, tables: str = PRINTED) -> Path:
    """A file with these tables and no rows."""
    write(path, tables)
    return path


def write(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def add(path: Path, table: str, **values: Any) -> None:
    """One row with these values, and the table's own defaults for the others."""
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"insert into {table} ({columns}) values ({marks})", [*values.values()])


def change(path: Path, table: str, where: str, **values: Any) -> None:
    changes = ", ".join(f"{column} = ?" for column in values)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"update {table} set {changes} where {where}", [*values.values()])


def add_agent(file: Path, boss: Person | None, **values: Any) -> str:
    """An agent of this supervisor; its id."""
    agent = values.pop("agent_id", f"agent_{token_hex(5)}")
    told = {
        "agent_id": agent,
        "name": "Ada",
        "system_prompt": "Sell.",
        "user_id": boss.username if boss else None,
    }
    add(file, "agents", **(told | values))
    return str(agent)


def add_call(file: Path, agent: str, **values: Any) -> str:
    call = f"CA{token_hex(16)}"
    told = {
        "conversation_id": call, "agent_id": agent, "status": "completed", "transcript": TALK,
        "phone_number": "+1 (850) 555-0155", "started_at": "2026-11-01 10:00:00", "ended_at": "2026-11-01 10:05:00",
    }  # fmt: skip
    add(file, "conversations", **(told | values))
    return str((told | values)["conversation_id"])


async def import_(app_server: AppServer, file: Path, *words: str) -> Answer:
    home = {"FLOORWALKER_HOME": str(app_server.home), "PORT": app_server.url.rpartition(":")[2]}
    answer = await asyncio.to_thread(command, "import-sdr", str(file), *words, **home)
    assert "Traceback" not in answer.stderr
    return answer


async def rows_of(app_server: AppServer, person: Person) -> dict[str, list[str]]:
    """All rows of this supervisor's agents, with the transaction that wrote each."""
    mine = "(select id from agents where supervisor_id = $1)"
    where = {
        "agents": "supervisor_id = $1", "agent_tools": f"agent_id in {mine}", "interactions": "supervisor_id = $1",
        "interaction_turns": "supervisor_id = $1", "agent_versions": f"agent_id in {mine}",
    }  # fmt: skip
    async with app_server.database() as owner:
        return {
            table: [row[0] for row in await owner.fetch(
                f"select concat(t.xmin, ' ', t.*) from {table} t where {which} order by 1", person.id)]
            for table, which in where.items()
        }  # fmt: skip


async def one(app_server: AppServer, question: str, *arguments: Any) -> asyncpg.Record:
    async with app_server.database() as owner:
        (row,) = await owner.fetch(question, *arguments)
    return row
