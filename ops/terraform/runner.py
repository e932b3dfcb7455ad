"""Run Terraform for one environment, with the same files and commands that an operator types."""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError

from ops.aws.clients import KEY_VARIABLES, Aws
from ops.cli.terminal import console, errors
from ops.errors import OperationError
from ops.interrupts import started
from ops.local.certificates import AUTHORITY
from ops.local.prepare import terraform_cli_config
from ops.settings import LOCAL, REPOSITORY, LocalSettings
from ops.terraform import adoption
from ops.terraform.emulator_watch import EmulatorWatch
from ops.terraform.environments import Environment
from ops.terraform.links import link_with_flows, linked

ROOT = REPOSITORY / "terraform"
BOOTSTRAP = ROOT / "bootstrap"
FLOWS = ROOT / "flows"
#: In a flow's folder: the rights that the bootstrap gives for the flow.
DEPLOY_RIGHTS = "deploy_rights.json"
BOOTSTRAP_STATE_KEY = "bootstrap.tfstate"
#: Says what was applied last, so that a run without changes takes no time.
BOOTSTRAP_DIGEST_KEY = "bootstrap.digest"
PARALLELISM = 30
#: Terraform's input for the emulator. The shell of `make env` has it too.
EMULATOR_VARIABLE = "TF_VAR_emulator"
#: The flows of an environment that does not have all of its tfvars, for `terraform` by hand.
USED_FLOWS_VARIABLE = "TF_VAR_flows"
#: Has Terraform collect garbage less often: a fifth less processor time for 0.2 GB more memory.
FASTER = {"GOGC": "400"}
#: Where Terraform leaves a state that it cannot write.
ERRORED_STATE = "errored.tfstate"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Diagnostic:
    """An error or warning of Terraform, as its JSON output gives it."""

    severity: str
    summary: str
    detail: str
    place: str

    def __str__(self) -> str:
        text = f"{self.summary}{f' ({self.place})' if self.place else ''}"
        return f"{text}: {self.detail}" if self.detail else text


class Terraform:
    """The root module of one environment.

    Parameters
    ----------
    environment
        Names ``envs/<environment>.tfvars`` and ``envs/<environment>.s3.tfbackend``.
    local
        Where the emulator answers, for an environment that is on it.
    aws
        The environment's AWS clients.
    """

    def __init__(self, environment: str, local: LocalSettings, aws: Aws) -> None:
        self.environment = Environment.named(environment)
        self._local = local
        self._aws = aws

    def bootstrap(self, progress: Progress) -> bool:
        """Apply the account's bootstrap, unless neither its files nor its values have changed.

        The first run's state moves into the bucket that it made, where a later run finds it.
        Returns whether anything was applied.
        """
        self._remove_stale_lock(BOOTSTRAP_STATE_KEY)
        digest = self._bootstrap_digest()
        work = self._folder / "bootstrap"
        is_written = not self._errored_state(work).exists()
        if is_written and self._state_object(BOOTSTRAP_DIGEST_KEY) == digest.encode():
            return False
        is_first = self._state_object(BOOTSTRAP_STATE_KEY) is None
        if not is_first:
            shutil.rmtree(work, ignore_errors=True)
        for file in work.glob("*.tf"):
            file.unlink()
        ignored = shutil.ignore_patterns(".terraform", "*.tfstate*")
        shutil.copytree(BOOTSTRAP, work, ignore=ignored, dirs_exist_ok=True)
        self._copy_deploy_rights(work.parent / "flows")
        init = ["init", "-input=false", "-lockfile=readonly"]
        backend = self._backend_arguments(BOOTSTRAP_STATE_KEY)
        # Terraform reads a file of this name over the block of versions.tf.
        override = work / "backend_override.tf"
        if is_first:
            override.write_text('terraform {\n  backend "local" {}\n}\n')
        progress("init")
        self._run(work, *init, *([] if is_first else backend))
        self._push_errored_state(work, BOOTSTRAP_STATE_KEY, progress)
        progress("apply")
        self._apply(work, progress, self._bootstrap_variables())
        if is_first:
            override.unlink()
            progress("move the state into the bucket")
            self._run(work, *init, "-migrate-state", "-force-copy", *backend)
        self._aws.client("s3").put_object(
            Bucket=self.environment.state_bucket, Key=BOOTSTRAP_DIGEST_KEY, Body=digest.encode()
        )
        for folder in (work, work.parent / "flows"):
            shutil.rmtree(folder, ignore_errors=True)
        return True

    @property
    def root(self) -> Path:
        """The folder of the root module; on the emulator, a copy with the environment's flows."""
        return self._folder / "source" / ROOT.name if self._aws.emulated else ROOT

    def init(self, progress: Progress) -> None:
        """Initialise the working folder, unless that was done for the same files."""
        arguments = self._backend_arguments()
        files = [
            *sorted(ROOT.rglob("*.tf")),
            ROOT / ".terraform.lock.hcl",
            self.environment.backend_file,
        ]
        digest = _digest(files, arguments)
        stamp = self._data_folder / "initialised"
        if not (stamp.exists() and stamp.read_text() == digest):
            progress("init")
            self._run(
                ROOT, "init", "-input=false", "-lockfile=readonly", "-reconfigure", *arguments
            )
            stamp.write_text(digest)
        if self.root != ROOT:
            link_with_flows(ROOT, self.root, self._used_flows)
        self._clear_up(progress)

    def apply(self, progress: Progress, release: str | None = None, **variables: Any) -> str:
        """Apply, and return Terraform's summary of what changed.

        Without a `release`, the functions run the packages that were built here last. Other
        `variables` of the root module go before those of the environment's file.
        """
        self.init(progress)
        return self._apply(self.root, progress, [*self.arguments(release), *_given(variables)])

    def plan_destroy(
        self, progress: Progress, file: Path, release: str | None = None
    ) -> dict[str, Any]:
        """Plan to destroy all but what the bootstrap made; write the plan to a file, return it."""
        self.init(progress)
        return self._plan_as_json(self.root, progress, ["-destroy", *self.arguments(release)], file)

    def plan_changes(
        self, progress: Progress, file: Path, release: str | None = None, **variables: Any
    ) -> dict[str, Any]:
        """Plan without showing it; write the plan to a file, and return it.

        Other `variables` of the root module go before those of the environment's file. Deleted
        secrets that the plan needs are restored first, because a plan can only adopt what exists.
        """
        self.init(progress)
        arguments = [*self.arguments(release), *_given(variables)]
        with self._adopting(self.root, progress, arguments, restore=True) as (folder, _):
            return self._plan_as_json(folder, progress, arguments, file)

    def plan(self, release: str | None = None, file: Path | None = None) -> bool:
        """Show the plan, and write it to a file if one is given; return whether it has changes.

        Raises
        ------
        OperationError
            When there is no plan because of an error, which Terraform has printed.
        """
        self.init(lambda _: None)
        arguments = self.arguments(release)
        command = ["terraform", "plan", "-input=false", "-detailed-exitcode"]
        command += [f"-parallelism={PARALLELISM}", *arguments]
        if file is not None:
            command.append(f"-out={file}")
        if not console.is_terminal:
            command.append("-no-color")
        with (
            self._adopting(self.root, lambda _: None, arguments) as (folder, _),
            self._started(command, cwd=folder, env=self.process_environment()) as process,
        ):
            code = process.wait()
        if code not in (0, 2):
            raise self._failure(self.root, "plan", "The error is printed above.")
        return code == 2

    def destroy(self, file: Path, progress: Progress) -> str:
        """Apply a plan to destroy, and return the summary of what changed."""
        summary = self.apply_plan(file, progress)
        # Deleted secrets keep their names, and the provider would try to create them for two
        # minutes. So the next apply looks for them first.
        self._unfinished(self.root).touch()
        return summary

    def apply_plan(self, file: Path, progress: Progress) -> str:
        """Apply a plan that was kept in a file, and return the summary of what changed."""
        return self._run_changes(self.root, progress, "apply", str(file))

    def differences(self, release: str | None, progress: Progress) -> list[str]:
        """Return what an apply would change, a line for each resource."""
        self.init(progress)
        self._data_folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._data_folder) as folder:
            file = Path(folder) / "plan"
            plan = self._plan_as_json(self.root, progress, self.arguments(release), file)
        return differences(plan)

    def outputs(self) -> dict[str, Any]:
        """Return the values of the root module's outputs.

        Raises
        ------
        OperationError
            When the environment was never applied.
        """
        self.init(lambda _: None)
        outputs = json.loads(self._run(self.root, "output", "-json"))
        if not outputs:
            raise OperationError(
                f"The environment '{self.environment.name}' has no resources yet.",
                self.environment.first_release,
            )
        return {name: output["value"] for name, output in outputs.items()}

    def arguments(self, release: str | None = None) -> list[str]:
        """Return the variables of plan, apply and destroy.

        Raises
        ------
        OperationError
            When an environment is rehearsed that has RDS, and the emulator has no authority for it.
        """
        if self._is_rehearsed and not self._authority.exists():
            raise OperationError(
                f"{self._authority} is missing.", "Type 'make down' and 'make up'."
            )
        arguments = [f"-var-file={self.environment.variables_file}"]
        if release is not None:
            arguments.append(f"-var=release={release}")
        if self._used_flows != self.environment.variables["flows"]:
            arguments.append(f"-var=flows={json.dumps(self._used_flows)}")
        return arguments

    def process_environment(self) -> dict[str, str]:
        """Return the environment variables for Terraform."""
        variables = FASTER | {
            name: value
            for name, value in os.environ.items()
            # An operator's own profile must not reach the emulator, nor its address AWS.
            if not (self._aws.emulated and name.startswith("AWS_")) and name != EMULATOR_VARIABLE
        }
        own = self._aws.variables()
        variables |= own
        if "AWS_PROFILE" in own:
            # Keys go before a profile: Terraform would work in another account than ops looks at.
            for name in KEY_VARIABLES:
                variables.pop(name, None)
        if self._aws.emulated:
            variables[EMULATOR_VARIABLE] = json.dumps(self._emulator())
        if self._used_flows != self.environment.variables["flows"]:
            variables[USED_FLOWS_VARIABLE] = json.dumps(self._used_flows)
        variables |= {
            "TF_IN_AUTOMATION": "1",
            "TF_DATA_DIR": str(self._data_folder),
            "CHECKPOINT_DISABLE": "1",
        }
        if (configuration := terraform_cli_config()) is not None:
            variables["TF_CLI_CONFIG_FILE"] = str(configuration)
        return variables

    def _emulator(self) -> dict[str, str | int]:
        """Return the root module's variable ``emulator``."""
        emulator: dict[str, str | int] = {"endpoint": self._local.endpoint}
        if self.environment.name == LOCAL:
            emulator["database_port"] = self._local.ports.database
        elif self._authority.exists():
            emulator["database_ca"] = self._authority.read_text()
        return emulator

    @property
    def _used_flows(self) -> Mapping[str, Any]:
        """The settings of the flows, by name."""
        flows: Mapping[str, Any] = self.environment.variables["flows"]
        only: Collection[str] | None = None
        if self.environment.name == LOCAL:
            if self._local.flows is not None:
                return self._local.flows
            # A demo makes its own flow alone: all of them would take minutes.
            only = self._local.shown or None
        elif self._aws.emulated:
            only = self._local.flows
        return flows if only is None else {name: flows[name] for name in flows if name in only}

    @property
    def flows(self) -> list[str]:
        """The flows that the bootstrap prepares the account for."""
        return sorted(self._used_flows)

    @property
    def _authority(self) -> Path:
        return self._local.certificates / AUTHORITY

    @property
    def _is_rehearsed(self) -> bool:
        return self._aws.emulated and self.environment.name != LOCAL

    @property
    def _folder(self) -> Path:
        name = f"{self.environment.name}-emulated" if self._is_rehearsed else self.environment.name
        return self._local.folder / "terraform" / name

    @property
    def _data_folder(self) -> Path:
        return self._folder / "root"

    def _backend_arguments(self, key: str | None = None) -> list[str]:
        arguments = [f"-backend-config={self.environment.backend_file}"]
        if key is not None:
            arguments.append(f"-backend-config=key={key}")
        return arguments

    def _bootstrap_variables(self) -> list[str]:
        values = dict(self.environment.variables)
        if self._aws.emulated:
            values["emulator_endpoint"] = self._local.endpoint
        names = ("project", "environment", "region", "account_id", "emulator_endpoint", "database")
        given = {name: values[name] for name in names if name in values}
        # Only the flows of the environment: the pipeline gets no right for another.
        given["flows"] = self.flows
        arguments = [
            f"-var={name}={value if isinstance(value, str) else json.dumps(value)}"
            for name, value in given.items()
        ]
        # The deploying repository; the local environment has none.
        own = BOOTSTRAP / "envs" / f"{self.environment.name}.tfvars"
        return [*arguments, f"-var-file={own}"] if own.exists() else arguments

    def _copy_deploy_rights(self, folder: Path) -> None:
        """Copy the flows' rights to where the copy of the bootstrap looks for them."""
        shutil.rmtree(folder, ignore_errors=True)
        for flow in self.flows:
            file = FLOWS / flow / DEPLOY_RIGHTS
            if file.exists():
                (folder / flow).mkdir(parents=True)
                shutil.copy(file, folder / flow)

    def _bootstrap_digest(self) -> str:
        """Return a digest of the bootstrap's files and values, the same wherever they lie."""
        digest = hashlib.sha256()
        arguments = [a for a in self._bootstrap_variables() if a.startswith("-var=")]
        own = f"envs/{self.environment.name}.tfvars"
        files = [*sorted(f.name for f in BOOTSTRAP.glob("*.tf")), ".terraform.lock.hcl", own]
        found = {name: BOOTSTRAP / name for name in files} | {
            f"flows/{flow}/{DEPLOY_RIGHTS}": FLOWS / flow / DEPLOY_RIGHTS for flow in self.flows
        }
        for name, file in found.items():
            digest.update(name.encode() + b"\0" + (file.read_bytes() if file.exists() else b""))
        digest.update("\0".join(arguments).encode())
        return digest.hexdigest()

    def _state_object(self, key: str) -> bytes | None:
        client = self._aws.client("s3")
        try:
            answer = client.get_object(Bucket=self.environment.state_bucket, Key=key)
        except client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NoSuchBucket"):
                return None
            raise
        body: bytes = answer["Body"].read()
        return body

    def _apply(self, folder: Path, progress: Progress, arguments: list[str]) -> str:
        """Apply a module; when a resource exists already, adopt it and apply again."""
        if self._may_be_unfinished(folder):
            self._keep_tainted(folder)
        for is_last in (False, False, True):
            with self._adopting(folder, progress, arguments, restore=True) as (chosen, plan):
                try:
                    given = [str(plan)] if plan else ["-auto-approve", *arguments]
                    return self._run_changes(chosen, progress, "apply", *given)
                except ExistsError:
                    # A second time: the stage of an API can be found once the API is adopted.
                    if is_last:
                        raise
        raise AssertionError("unreachable")

    @contextmanager
    def _adopting(
        self, folder: Path, progress: Progress, arguments: list[str], restore: bool = False
    ) -> Iterator[tuple[Path, Path | None]]:
        """Yield a module's folder, with ``import`` blocks for what exists and is not in the state.

        With it comes the plan, if one was made to find that out. `restore` first cancels the
        deletion of secrets that the plan would create.

        Raises
        ------
        OperationError
            When something exists that cannot be adopted.
        """
        if not self._may_be_unfinished(folder):
            yield folder, None
            return
        self._data_folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._data_folder) as place:
            file = Path(place) / "plan"
            progress("look for resources that exist already")
            first = self._plan_as_json(folder, progress, arguments, file)
            if restore:
                self._restore_secrets(first, progress)
            found = adoption.leftovers(self._aws.client, first)
            if not found:
                yield folder, file
                return
            own = linked(folder) if _is_root(folder) else nullcontext(folder)
            with own as copy, adoption.with_imports(copy, found):
                plan = self._plan_as_json(copy, progress, arguments, file)
                self._check_adoption(plan)
                progress(f"adopt what exists already: {', '.join(x.address for x in found)}")
                yield copy, file

    def _restore_secrets(self, plan: Mapping[str, Any], progress: Progress) -> None:
        """Cancel the deletion of the environment's secrets that a plan would create.

        Raises
        ------
        OperationError
            When one belongs to something else.
        """
        for secret in adoption.deleted_secrets(self._aws.client, plan):
            if not self.environment.tags.items() <= secret.tags.items():
                raise OperationError(
                    f"The deleted secret {secret.name} keeps its name and has not the tags of "
                    f"'{self.environment.name}'.",
                    "Restore and rename it, or wait until its recovery window ends.",
                )
            progress(f"restore the deleted secret {secret.name}")
            self._aws.client("secretsmanager").restore_secret(SecretId=secret.name)

    def _check_adoption(self, plan: Mapping[str, Any]) -> None:
        if strangers := adoption.foreign(plan, self.environment.tags):
            raise OperationError(
                f"Resources with these names exist and have not the tags of "
                f"'{self.environment.name}': {', '.join(strangers)}.",
                "Rename or delete them and type the command again.",
            )
        if replaced := adoption.replaced(plan):
            raise OperationError(
                f"Adopting these would replace them and delete their data: {', '.join(replaced)}.",
                "Import or delete them by hand and type the command again.",
            )

    def _plan_as_json(
        self, folder: Path, progress: Progress, arguments: list[str], file: Path
    ) -> dict[str, Any]:
        self._run_json(folder, progress, "plan", f"-out={file}", *arguments)
        plan: dict[str, Any] = json.loads(self._run(folder, "show", "-json", str(file)))
        return plan

    def _run_changes(self, folder: Path, progress: Progress, *arguments: str) -> str:
        """Run a command that changes resources; note until its end that it may be cut off."""
        was_unfinished = self._unfinished(folder).exists()
        self._unfinished(folder).touch()
        reader = TerraformReader(progress)
        is_sure = False
        try:
            summary = self._run_json(folder, reader, *arguments)
            is_sure = True
        finally:
            if is_sure or (reader.has_ended and not reader.unsure and not was_unfinished):
                self._unfinished(folder).unlink(missing_ok=True)
        return summary

    def _clear_up(self, progress: Progress) -> None:
        """Clear up after commands that were killed: the lock and the state that they left."""
        key = self.environment.state_key
        self._remove_stale_lock(key)
        for folder in {ROOT, self.root}:
            # Environments share the repository's folder.
            left = _lineage_of(folder / ERRORED_STATE)
            if left and left == _lineage(self._state_object(key)):
                self._keep_errored_state(folder)
        self._push_errored_state(self.root, key, progress)

    def _push_errored_state(self, folder: Path, key: str, progress: Progress) -> None:
        """Write the state that an earlier command of a module could not write.

        Raises
        ------
        OperationError
            When Terraform refuses it, because the state was changed since.
        """
        left = self._errored_state(folder)
        if not left.exists():
            return
        if self._aws.emulated and _lineage_of(left) != _lineage(self._state_object(key)):
            # Its resources ended with the emulator.
            left.unlink()
            return
        progress("write the state that an interrupted command left")
        try:
            self._run(folder, "state", "push", str(left))
        except OperationError as error:
            raise OperationError(
                error.problem,
                f"{left} holds what an interrupted command changed. Compare it with the state, "
                "push it with 'terraform state push' and delete it.",
            ) from error
        left.unlink()

    def _keep_tainted(self, folder: Path) -> None:
        """Have the next apply complete resources whose creation was interrupted.

        Terraform would replace them. The bootstrap forbids that for its buckets. A function that an
        API's deployment depends on would be created a second time first, which its name forbids.
        """
        state = json.loads(self._run(folder, "show", "-json"))
        found = adoption.tainted(state.get("values", {}).get("root_module", {}))
        for address, kind in found.items():
            # The bootstrap has only types that an apply can complete.
            if not _is_root(folder) or kind in adoption.COMPLETED_IN_PLACE:
                self._run(folder, "untaint", address)

    def _remove_stale_lock(self, key: str) -> None:
        """Remove the lock of a killed Terraform from a state on the emulator.

        The emulator belongs to this folder, so this user's lock is stale when no command of the
        folder runs Terraform. Another operator's lock stays.
        """
        lock = f"{key}.tflock"
        # Without the emulator, Terraform says what is wrong.
        with suppress(BotoCoreError):
            if self._aws.emulated and _is_own(self._state_object(lock)) and self._is_alone():
                self._aws.client("s3").delete_object(Bucket=self.environment.state_bucket, Key=lock)

    @contextmanager
    def _started(self, command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
        """Start Terraform; end it when the emulator ends, which it would wait for for minutes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Terraform keeps the file open, and with it the lock, for longer than a killed command.
            with started(command, pass_fds=[lock.fileno()], **options) as process:
                port = self._local.ports.emulator if self._aws.emulated else None
                with EmulatorWatch(process, port) as watch:
                    yield process
        if watch.found_none:
            raise OperationError(
                "The emulator ended while Terraform worked.",
                "Type 'make down' and 'make demo' to start again.",
            )

    def _is_alone(self) -> bool:
        """Return whether no other command of this folder runs Terraform for the environment."""
        with (self._folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def _unfinished(self, folder: Path) -> Path:
        """Return a file that exists while a module is changed, and after that was cut off."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"{folder.name}.unfinished"

    def _may_be_unfinished(self, folder: Path) -> bool:
        """Return whether an earlier apply of a module may have been cut off."""
        # On AWS, it may have been another computer's.
        return not self._aws.emulated or self._unfinished(folder).exists()

    def _errored_state(self, folder: Path) -> Path:
        """Return where a module's state is kept that Terraform could not write."""
        # The bootstrap has a state of its own.
        name = ERRORED_STATE if _is_root(folder) else f"{folder.name}.{ERRORED_STATE}"
        return self._folder / name

    def _run(self, folder: Path, *arguments: str) -> str:
        self._data_folder.mkdir(parents=True, exist_ok=True)
        with self._started(
            ["terraform", *arguments, "-no-color"],
            cwd=folder,
            env=self._environment_for(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            output, words = process.communicate()
        if process.returncode != 0:
            raise self._failure(folder, arguments[0], words.strip())
        return output

    def _run_json(self, folder: Path, progress: Progress | TerraformReader, *arguments: str) -> str:
        """Run a command that reports its progress as JSON lines; return its closing summary."""
        command = ["terraform", arguments[0], "-json", "-input=false"]
        reader = progress if isinstance(progress, TerraformReader) else TerraformReader(progress)
        try:
            with self._started(
                [*command, f"-parallelism={PARALLELISM}", *arguments[1:]],
                cwd=folder,
                env=self._environment_for(folder),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            ) as process:
                for line in process.stdout or ():
                    reader.read(line)
                process.wait()
                # A killed Terraform has lost a part of its state.
                reader.has_ended = process.returncode >= 0
        except KeyboardInterrupt:
            # A call that was cut off may have made what Terraform does not know of.
            errors.print(reader.problems(), markup=False)
            raise
        finally:
            self._keep_errored_state(folder)
        if process.returncode != 0:
            failure = self._failure(folder, arguments[0], reader.problems())
            if (left := self._errored_state(folder)).exists():
                failure.action = (
                    f"Type the command again. It first writes the state, which is in {left}."
                )
            if adoption.EXISTS.search(reader.problems()):
                self._unfinished(folder).touch()
                raise ExistsError(failure.problem, failure.action)
            raise failure
        return reader.summary

    def _keep_errored_state(self, folder: Path) -> None:
        """Take the state that Terraform could not write out of a folder that environments share."""
        left = folder / ERRORED_STATE
        if left.exists():
            shutil.move(left, self._errored_state(folder))

    def _failure(self, folder: Path, command: str, words: str) -> OperationError:
        """Return the error of a failed command, which may only lack the bootstrap."""
        environment = self.environment
        if _is_root(folder) and not self._has_state_bucket():
            return OperationError(
                f"'{environment.name}' is not bootstrapped: its account has no bucket "
                f"'{environment.state_bucket}' for Terraform's state.",
                "Type 'make demo'."
                if environment.name == LOCAL
                else f"Type 'make bootstrap ENV={environment.name}'.",
            )
        return OperationError(
            f"'terraform {command}' failed in {folder}:\n{words}",
            "Correct the cause and type the command again.",
        )

    def _has_state_bucket(self) -> bool:
        client = self._aws.client("s3")
        try:
            client.head_bucket(Bucket=self.environment.state_bucket)
        except client.exceptions.ClientError as error:
            # Terraform's own words explain any other refusal.
            return error.response["Error"]["Code"] not in ("404", "NoSuchBucket")
        except BotoCoreError:
            return True
        return True

    def _environment_for(self, folder: Path) -> dict[str, str]:
        environment = self.process_environment()
        if not _is_root(folder):
            del environment["TF_DATA_DIR"]
        return environment


def _given(variables: Mapping[str, Any]) -> list[str]:
    """Return the arguments that give variables of the root module."""
    return [f"-var={name}={json.dumps(value)}" for name, value in variables.items()]


def _is_root(folder: Path) -> bool:
    """Return whether a module is the root module, or a copy of it, and not the bootstrap."""
    return folder.name == ROOT.name


class ExistsError(OperationError):
    """Terraform could not create a resource, because it exists."""


class TerraformReader:
    """Reads the lines of ``terraform apply -json``.

    Their form: https://developer.hashicorp.com/terraform/internals/machine-readable-ui
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._total = 0
        self._done = 0
        self._under_way: dict[str, None] = {}
        self._diagnostics: list[Diagnostic] = []
        self._plain: list[str] = []
        self.summary = ""
        #: Whether Terraform itself ended the command.
        self.has_ended = False
        #: Resources whose creation was begun and not completed.
        self.unsure: set[str] = set()

    def read(self, line: str) -> None:
        """Take one line."""
        try:
            message = json.loads(line)
        except json.JSONDecodeError:
            self._plain.append(line.rstrip())
            return
        kind = message.get("type")
        hook = message.get("hook", {})
        address = hook.get("resource", {}).get("addr", "")
        if hook.get("action") == "read":
            # Looking something up is not among the changes that are counted.
            return
        if kind == "change_summary":
            changes = message["changes"]
            self._total = changes["add"] + changes["change"] + changes["remove"]
            self.summary = str(message["@message"]).removesuffix(".")
        elif kind == "apply_start":
            self._under_way[address] = None
            if hook.get("action") == "create":
                self.unsure.add(address)
        elif kind in ("apply_complete", "apply_errored"):
            self._under_way.pop(address, None)
            self._done += 1
            if kind == "apply_complete":
                self.unsure.discard(address)
        elif kind == "diagnostic":
            self._diagnostics.append(_diagnostic(message["diagnostic"]))
        if kind in ("apply_start", "apply_complete", "refresh_start"):
            self._progress(self._state(address))

    def problems(self) -> str:
        """Return the errors, a line each; Terraform's other words when it named none."""
        # Interrupted, it says the same of each resource that it did not come to.
        found = dict.fromkeys(str(d) for d in self._diagnostics if d.severity == "error")
        return "\n".join(found or self._plain or ["(Terraform gave no reason)"])

    def _state(self, address: str) -> str:
        if self._under_way:
            # A plan that was kept in a file does not say how many there are.
            count = f"{self._done} of {self._total}" if self._total else f"{self._done} done"
            # The one that has been under way longest is the one waited for.
            return f"{count}, {next(iter(self._under_way))}"
        return f"{self._done} of {self._total}" if self._total else f"read {address}"


def differences(plan: Mapping[str, Any]) -> list[str]:
    """Return what a plan would change, a line for each resource or output.

    Parameters
    ----------
    plan
        The output of ``terraform show -json``:
        https://developer.hashicorp.com/terraform/internals/json-format
    """
    lines = []
    for change in plan.get("resource_changes", []):
        actions = change["change"]["actions"]
        if change["mode"] == "managed" and actions != ["no-op"]:
            named = _changed_attributes(change["change"]) if actions == ["update"] else []
            what = f": {', '.join(named)}" if named else ""
            lines.append(f"{change['address']} would be {_done(actions)}{what}")
    for name, change in plan.get("output_changes", {}).items():
        if change["actions"] != ["no-op"]:
            lines.append(f"output {name} would be {_done(change['actions'])}")
    return lines


def _changed_attributes(change: Mapping[str, Any]) -> list[str]:
    before, after = change.get("before") or {}, change.get("after") or {}
    unknown = change.get("after_unknown") or {}
    names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return sorted(names | {name for name, value in unknown.items() if value is True})


def _done(actions: list[str]) -> str:
    words = {"create": "made", "update": "changed", "delete": "removed", "forget": "forgotten"}
    return "replaced" if len(actions) == 2 else words.get(actions[0], actions[0])


def _lineage(state: bytes | None) -> Any:
    """Return the mark that all versions of a state share, None without a state."""
    return json.loads(state).get("lineage") if state else None


def _lineage_of(file: Path) -> Any:
    return _lineage(file.read_bytes() if file.exists() else None)


def _is_own(lock: bytes | None) -> bool:
    """Return whether a lock is of this user on this computer, as Terraform names the two."""
    try:
        who = json.loads(lock or b"{}").get("Who")
    except (ValueError, AttributeError):
        return False
    return bool(who == f"{getpass.getuser()}@{socket.gethostname()}")


def _digest(files: Iterable[Path], words: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file).encode() + b"\0" + file.read_bytes())
    for word in words:
        digest.update(word.encode() + b"\0")
    return digest.hexdigest()


def _diagnostic(raw: dict[str, Any]) -> Diagnostic:
    place = raw.get("range") or {}
    where = f"{place['filename']}:{place['start']['line']}" if place else raw.get("address", "")
    return Diagnostic(
        severity=raw["severity"],
        summary=raw["summary"],
        detail=" ".join(raw.get("detail", "").split()),
        place=where,
    )
