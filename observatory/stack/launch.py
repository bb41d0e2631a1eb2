"""What `manage.py up` does, in order, from nothing to a running Observatory and back.

Whatever ends it (a fault, Ctrl-C, SIGTERM), all that it started ends with it, within ten seconds.
"""

import errno
import http.client
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from observatory.bootstrap import PROJECT, state_directory
from observatory.stack import NO_SPACE, StackError, disk_full
from observatory.stack.logs import Log
from observatory.stack.ports import first_free
from observatory.stack.postgres import clean_environment
from observatory.stack.processes import Program
from observatory.stack.servers import Addresses, check, given_addresses, start_own
from observatory.stack.services import SERVICES, WEB
from observatory.stack.state import Secrets, State, Tenure
from observatory.stack.static import fingerprint, is_collected, note_collected
from observatory.stack.supervisor import Child, StopRequested, Supervisor

WEB_START_SECONDS = 120.0
WEB_ATTEMPTS = 3
# Together with a second each to be killed in, these make the ten seconds.
SERVICES_STOP_SECONDS = 5.5
SERVERS_STOP_SECONDS = 2.5
SERVERS = ("postgres", "valkey")
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
NOT_FOR_OTHERS = ("OBSERVATORY_ADMIN_PASSWORD", "OBSERVATORY_NO_BOOTSTRAP")


@dataclass(frozen=True)
class Options:
    host: str
    port: int
    is_demo: bool
    is_debug: bool
    servers_only: bool = False


def up(options: Options) -> None:
    """Run until told to stop. Raises StackError with the sentence where it cannot."""
    state = State(state_directory())
    try:
        state.create()
        with state.hold() as tenure:
            supervise(options, state, tenure)
    except OSError as fault:
        if fault.errno == errno.ENOSPC:
            raise StackError(disk_full(state.folder)) from fault
        raise StackError(f"{fault.filename or state.folder}: {fault.strerror}.") from fault


def supervise(options: Options, state: State, tenure: Tenure) -> None:
    log = Log(state.logs)
    supervisor = Supervisor(log)
    supervisor.catch_signals()
    launch = Launch(options, state, tenure, supervisor)
    try:
        launch.run()
    except StopRequested:
        log.say("Stopping …")
    finally:
        launch.stop()
        log.close()
    log.say("Stopped.")


class Launch:
    def __init__(
        self, options: Options, state: State, tenure: Tenure, supervisor: Supervisor
    ) -> None:
        self.options = options
        self.state = state
        self.tenure = tenure
        self.supervisor = supervisor

    def run(self) -> NoReturn:
        # A host that is none of ours is said before any work is done.
        first_free(self.options.host, self.options.port)
        secrets = self.state.secrets()
        inherited: Mapping[str, str] = os.environ
        addresses = given_addresses(secrets)
        if addresses is None:
            addresses = start_own(self.supervisor, self.state, secrets)
            inherited = clean_environment(inherited)
        else:
            check(addresses)
        environment = application_environment(inherited, addresses, secrets, self.options.host)
        self.state.write_run_environment(shared_part(environment))
        if self.options.servers_only:
            self.greet("", "PostgreSQL and Valkey run, and nothing that uses them.")
        else:
            greeting = self.prepare_application(environment)
            self.start_services(environment, greeting)
        while True:
            self.supervisor.turn()

    def prepare_application(self, environment: Mapping[str, str]) -> str:
        """Migrations, static files, first tenant and admin; answers what the first person needs."""
        static, files = None, fingerprint()
        if not self.options.is_debug and not is_collected(files):
            # It needs none of the other steps.
            command = ("collectstatic", "--no-input", "--verbosity=0")
            static = self.begin(*command, environment=environment)
        self.finish(self.begin("migrate", "--no-input", environment=environment))
        first_run = self.begin("first_run", environment=environment, is_logged=False)
        self.finish(first_run)
        if static is not None:
            self.finish(static)
            note_collected(files)
        return first_run.output

    def begin(self, *command: str, environment: Mapping[str, str], is_logged: bool = True) -> Child:
        program = Program(
            name=command[0],
            command=(sys.executable, str(PROJECT / "manage.py"), *command),
            environment=environment,
            folder=PROJECT,
            is_logged=is_logged,
        )
        return self.supervisor.start(program, is_kept=False)

    def finish(self, step: Child) -> None:
        self.supervisor.wait_for(step)
        if NO_SPACE in step.output:
            raise StackError(disk_full(self.state.folder))
        if step.exit_code:
            name = step.program.name
            whole = self.state.logs / f"{name}.log"
            where = f" The whole is in {whole}." if step.program.is_logged else ""
            raise StackError(
                f"Observatory cannot start, since `manage.py {name}` failed:"
                f" {step.last_line}{where}"
            )

    def start_services(self, environment: Mapping[str, str], greeting: str) -> None:
        host = self.options.host
        port = first_free(host, self.options.port)
        if port != self.options.port:
            self.supervisor.log.say(f"Port {self.options.port} is taken; using {port}.")
        environment = without_owner(environment) | {"UVICORN_HOST": host, "UVICORN_PORT": str(port)}
        children = {
            service.name: self.start(
                service.name, (sys.executable, "-m", *service.command), environment
            )
            for service in SERVICES
        }
        self.await_web(children[WEB.name], host, port)
        address = f"http://{bracketed(ANY_ADDRESS.get(host, host))}:{port}"
        if self.options.is_demo:
            self.start("demo", (sys.executable, str(PROJECT / "manage.py"), "demo"), environment)
        self.greet(f", at {address}", f"Observatory runs at {address}", *greeting.splitlines())

    def greet(self, place: str, *lines: str) -> None:
        self.tenure.announce(f" as process {os.getpid()}{place}")
        last = f"Ctrl-C stops it. Each process has a log in {self.state.logs}"
        for line in ("", *lines, last, ""):
            self.supervisor.log.say(line)

    def start(self, name: str, command: tuple[str, ...], environment: Mapping[str, str]) -> Child:
        program = Program(name=name, command=command, environment=environment, folder=PROJECT)
        return self.supervisor.start(program)

    def await_web(self, web: Child, host: str, port: int) -> None:
        self.supervisor.wait_until(
            lambda: web.failures >= WEB_ATTEMPTS or is_live(host, port), seconds=WEB_START_SECONDS
        )
        if not is_live(host, port):
            raise StackError(
                f"The web server does not start; its log {self.state.logs / WEB.name}.log says why:"
                f" {web.last_line}"
            )

    def stop(self) -> None:
        self.supervisor.stop(seconds=SERVICES_STOP_SECONDS, spare=SERVERS)
        self.supervisor.stop(seconds=SERVERS_STOP_SECONDS)


def application_environment(
    environment: Mapping[str, str], addresses: Addresses, secrets: Secrets, host: str
) -> dict[str, str]:
    """The person's own settings, and for what they leave open the values that fit this machine."""
    made = dict(environment)
    for name, value in (
        ("DATABASE_URL", addresses.database),
        ("DATABASE_OWNER_URL", addresses.database_owner),
        ("REDIS_URL", addresses.redis),
    ):
        made.pop(f"{name}_FILE", None)
        made[name] = value
    for name, value in (
        ("OBSERVATORY_SECRET_KEY", secrets.secret_key),
        ("OBSERVATORY_ENCRYPTION_KEYS", secrets.encryption_key),
        ("OBSERVATORY_ALLOWED_HOSTS", allowed_hosts(host)),
        ("OBSERVATORY_ALLOWED_NETWORKS", "loopback,private"),
    ):
        if not made.get(name) and not made.get(f"{name}_FILE"):
            made[name] = value
    return made | {"PYTHONUNBUFFERED": "1"}


def allowed_hosts(host: str) -> str:
    """Listening on every address means that we cannot know by which name people come."""
    if host in ANY_ADDRESS:
        return "*"
    return ",".join(dict.fromkeys(("localhost", "127.0.0.1", "[::1]", bracketed(host))))


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def shared_part(environment: Mapping[str, str]) -> dict[str, str]:
    """What other commands need to work on the same servers with the same keys."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(("OBSERVATORY_", "DATABASE_", "REDIS_"))
        and not name.startswith(NOT_FOR_OTHERS)
        and "\n" not in value
    }


def without_owner(environment: Mapping[str, str]) -> dict[str, str]:
    """Neither the web nor the workers may be able to connect as the owner."""
    left_out = ("DATABASE_OWNER_URL", "OBSERVATORY_ADMIN_PASSWORD")
    return {name: value for name, value in environment.items() if not name.startswith(left_out)}


def is_live(host: str, port: int) -> bool:
    """Whether the web server answers; a refusal (of the name we use) is an answer too."""
    connection = http.client.HTTPConnection(ANY_ADDRESS.get(host, host), port, timeout=2)
    try:
        connection.request("GET", "/livez", headers={"Host": "localhost"})
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
