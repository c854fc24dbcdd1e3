"""The settings, read from the environment: all problems are named at once, no secret printed."""

import os
from collections.abc import Container, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from lightkeeper.config import (
    database_address,
    network,
    planned_services,
    secret_files,
    web_address,
)
from lightkeeper.config.durations import Duration
from lightkeeper.config.moments import Timestamp
from lightkeeper.domain.errors import ExitStatus, LightkeeperError
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import DAY, HOUR, MINUTE

PREFIX: Final = "LIGHTKEEPER_"
SETTINGS_FILE: Final = "LIGHTKEEPER_SETTINGS_FILE"
TOKEN_PATH: Final = "/oauth2/benefits-documents/system/v1/token"  # noqa: S105
_FROM_FILE: Final = ("lighthouse_private_key", "database_url", "follow_source_url")
_FOR_LIGHTHOUSE: Final = (
    "lighthouse_url",
    "lighthouse_audience",
    "lighthouse_client_id",
    "lighthouse_private_key",
)
_MESSAGES: Final = {
    "bool_parsing": "must be true or false",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_parsing": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "string_pattern_mismatch": "must be a host name or an IP address",
}
"""Our words for pydantic's errors, by its type of error."""
MAX_TAG_BYTES: Final = 1_400
"""Of a variable that tags every signal: the longest signal fits the Agent's 8,192 bytes."""


class SettingsError(LightkeeperError):
    """Settings are missing or wrong; `rest` are the settings with defaults in place of those."""

    exit_status = ExitStatus.CONFIG

    def __init__(self, problems: list[str], rest: "StoreSettings | None" = None) -> None:
        self.problems = problems
        self.rest = rest
        super().__init__("\n".join(["wrong settings:", *(f"  {line}" for line in problems)]))


class StoreSettings(BaseSettings):
    """The settings of commands that use the store alone. Durations are in milliseconds."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    database_url: SecretStr = SecretStr("sqlite:///lightkeeper.db")
    slow_after: Duration = 24 * HOUR
    stuck_after: Duration = 48 * HOUR
    overdue_after: Duration = 96 * HOUR
    not_found_fails_after: Duration = 7 * DAY
    recheck_window: Duration = 7 * DAY
    unsettled_after: Duration = 7 * DAY
    expected_within: Duration = HOUR
    follow_source_url: Annotated[SecretStr, AfterValidator(database_address.postgresql)] | None = (
        None
    )
    follow_overlap: Duration = 15 * MINUTE
    api_tokens_file: str | None = None
    """The file of `config/api_tokens.py`, by its name: it is read again whenever it changed."""
    web_listen: Annotated[str, AfterValidator(web_address.checked)] = "127.0.0.1:8526"

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, value: SecretStr) -> SecretStr:
        if said := database_address.problem(value.get_secret_value()):
            raise ValueError(said)
        return value

    @classmethod
    def load(cls, *, lighthouse: bool = False) -> Self:
        """Read the environment; raises `SettingsError` naming every problem at once.

        `lighthouse`: whether the settings for polling Lighthouse are required too.
        """
        # In upper case, because pydantic ignores the case of variable names.
        environ = {name.upper(): value for name, value in os.environ.items()}
        secrets, problems = _secrets_from_files(environ, cls.model_fields)
        if lighthouse:
            problems += _lighthouse_problems(environ, secrets)
        try:
            settings = cls(**secrets)
            problems += settings._inconsistent()
        except ValidationError as exc:
            problems += [_line(error) for error in exc.errors()]
            wrong = {str(error["loc"][0]) for error in exc.errors()}
            default = {
                info.validation_alias or name: info for name, info in cls.model_fields.items()
            }
            settings = cls(**secrets | {name: default[name].default for name in wrong})
        if problems:
            raise SettingsError(sorted(problems), settings)
        return settings

    def _inconsistent(self) -> list[str]:
        if self.slow_after <= self.stuck_after <= self.overdue_after:
            return []
        return [
            "LIGHTKEEPER_SLOW_AFTER, LIGHTKEEPER_STUCK_AFTER, LIGHTKEEPER_OVERDUE_AFTER: "
            "each must be at least as long as the one before"
        ]

    @property
    def policy(self) -> Policy:
        """The thresholds, as the domain takes them."""
        return Policy(
            slow_after_ms=self.slow_after,
            stuck_after_ms=self.stuck_after,
            overdue_after_ms=self.overdue_after,
            not_found_fails_after_ms=self.not_found_fails_after,
            recheck_window_ms=self.recheck_window,
            unsettled_after_ms=self.unsettled_after,
            expected_within_ms=self.expected_within,
        )


class Settings(StoreSettings):
    """All settings."""

    lighthouse_url: str | None = None
    lighthouse_token_url: str | None = None
    lighthouse_audience: str | None = None
    lighthouse_client_id: str | None = None
    lighthouse_private_key: SecretStr | None = None
    lighthouse_key_ends: Timestamp | None = None
    lighthouse_ca: str | None = Field(default=None, validation_alias=f"{PREFIX}LIGHTHOUSE_CA_FILE")
    """The certificates in the file that the variable names: a reload sees that they changed."""
    lighthouse_proxy: SecretStr | None = None
    batch_size: int = Field(default=100, ge=1, le=1000)
    max_calls_per_minute: int | None = Field(default=None, ge=1, le=100_000)
    maintenance_url: str | None = None
    maintenance_services: str = "bgs=BENEFITS_GATEWAY_SERVICE vbms=CLAIMS_EVIDENCE"
    daily_count_hour: int = Field(default=14, ge=0, le=23)
    """Of the day in UTC: the default is a morning hour in the United States."""
    tracing: bool = False
    dogstatsd_url: str | None = Field(default=None, validation_alias="DD_DOGSTATSD_URL")
    agent_host: Annotated[str, AfterValidator(network.host)] = Field(
        default="localhost", validation_alias="DD_AGENT_HOST", pattern=r"^[\w.:%-]+$"
    )
    dogstatsd_port: int = Field(
        default=8125, validation_alias="DD_DOGSTATSD_PORT", ge=1, le=65_535
    )

    # Where signals are tagged they are read from the environment (`unified_tags`, ddtrace).
    env: str | None = Field(default=None, validation_alias="DD_ENV")
    service: str | None = Field(default=None, validation_alias="DD_SERVICE")
    version: str | None = Field(default=None, validation_alias="DD_VERSION")
    client_tags: str | None = Field(default=None, validation_alias="DATADOG_TAGS")
    tags: str | None = Field(default=None, validation_alias="DD_TAGS")
    # Datadog's client would drop each metric without a word.
    dogstatsd_disable: bool = Field(default=False, validation_alias="DD_DOGSTATSD_DISABLE")

    @property
    def tag_variables(self) -> dict[str, str]:
        """The variables that tag every signal, by name; unset ones are left out."""
        given = {
            "DD_ENV": self.env,
            "DD_SERVICE": self.service,
            "DD_VERSION": self.version,
            "DATADOG_TAGS": self.client_tags,
            "DD_TAGS": self.tags,
        }
        return {name: value for name, value in given.items() if value is not None}

    def changes(self, before: "Settings") -> list[str]:
        """The variables whose values differ from `before`, sorted."""
        names = type(self).model_fields
        changed = [name for name in names if getattr(self, name) != getattr(before, name)]
        return sorted(map(_name, changed))

    @field_validator("lighthouse_url", "lighthouse_token_url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        because = "the access token is sent there"
        return None if value is None else network.plain_url(value, because)

    @field_validator("maintenance_url")
    @classmethod
    def _is_list(cls, value: str | None) -> str | None:
        because = "what is listed there does not page"
        return None if value is None else network.plain_url(value, because)

    @field_validator("maintenance_services")
    @classmethod
    def _names_steps(cls, value: str) -> str:
        planned_services.steps_by_service(value)
        return value

    @field_validator("lighthouse_ca")
    @classmethod
    def _are_certificates(cls, value: str | None) -> str | None:
        return None if value is None else network.certificates(value)

    @field_validator("lighthouse_proxy")
    @classmethod
    def _is_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else SecretStr(network.proxy(value.get_secret_value()))

    @field_validator("dogstatsd_url")
    @classmethod
    def _is_agent(cls, value: str | None) -> str | None:
        return None if value is None else network.agent(value)

    @field_validator("client_tags", "tags")
    @classmethod
    def _fits(cls, value: str | None) -> str | None:
        size = len((value or "").encode("utf-8", "surrogateescape"))
        if size > MAX_TAG_BYTES:
            raise ValueError(
                f"is {size:,} bytes long, and the Agent would drop each signal: shorten it to "
                f"{MAX_TAG_BYTES:,}"
            )
        return value

    @field_validator("dogstatsd_disable")
    @classmethod
    def _is_enabled(cls, value: bool) -> bool:
        if value:
            raise ValueError("lightkeeper would publish nothing: unset it")
        return value

    @property
    def token_url(self) -> str:
        """The OAuth token endpoint: the setting, or Lighthouse's own path."""
        return self.lighthouse_token_url or f"{self.lighthouse_url}{TOKEN_PATH}"

    @property
    def agent_url(self) -> str:
        """Where the Datadog Agent listens: `unix:///path` or `udp://host:port`."""
        host = f"[{self.agent_host}]" if ":" in self.agent_host else self.agent_host
        return self.dogstatsd_url or f"udp://{host}:{self.dogstatsd_port}"


def unknown_settings(environ: Mapping[str, str]) -> list[str]:
    """Variables with our prefix that are no setting, each with the setting it may stand for."""
    known = {_name(field) for field in Settings.model_fields}
    known |= {f"{_name(field)}_FILE" for field in _FROM_FILE} | {SETTINGS_FILE}
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    nearest = [get_close_matches(name.removesuffix("_FILE"), known, 1, 0.8) for name in unknown]
    return [
        f"{name} (did you mean {near[0]}?)" if near else name
        for name, near in zip(unknown, nearest, strict=True)
    ]


def _secrets_from_files(
    environ: Mapping[str, str], fields: Container[str]
) -> tuple[dict[str, Any], list[str]]:
    """The secrets that files hold, by field, and what is wrong with the others."""
    secrets, problems = {}, []
    for field in (name for name in _FROM_FILE if name in fields):
        try:
            secret = secret_files.read(environ, _name(field))
        except secret_files.WrongSecretFile as exc:
            problems.append(str(exc))
        else:
            if secret is not None:
                secrets[field] = secret
    return secrets, problems


def _lighthouse_problems(environ: Mapping[str, str], secrets: Mapping[str, str]) -> list[str]:
    problems = []
    for field in _FOR_LIGHTHOUSE:
        name = _name(field)
        or_file = f": set it, or {name}_FILE" if field in _FROM_FILE else ""
        in_file = or_file and (secrets.get(field) or environ.get(f"{name}_FILE"))
        if not environ.get(name) and not in_file:
            problems.append(f"{name}: missing{or_file or ': set it'}")
    field = "lighthouse_private_key"
    key = secrets.get(field) or environ.get(_name(field))
    if key and (problem := secret_files.key_problem(key)):
        problems.append(f"{_name(field)}: {problem}")
    return problems


def _name(field: str) -> str:
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else PREFIX + field.upper()


def _line(error: Any) -> str:
    location = str(error["loc"][0])
    name = location if location.isupper() else _name(location)
    if template := _MESSAGES.get(error["type"]):
        return f"{name}: {template.format_map(error.get('ctx', {}))}"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{name}: {message[0].lower()}{message[1:]}"
