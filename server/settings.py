"""Settings: every choice of the person who runs the server, typed, explained, and refused where it would be unsafe."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

ROOT = Path(__file__).resolve().parent.parent
CONFIG_VARIABLE = "PORUCH_CONFIG"
DEFAULT_CONFIG = Path("/etc/poruch/poruch.toml")

MOST_WORKERS = 256

_RELAY = re.compile(r"turns?:(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?(\?transport=(udp|tcp))?")
"""A relay's address (RFC 7065)."""

Words = Annotated[list[str], NoDecode]
"""A list that the environment writes with commas."""


class SettingsError(Exception):
    """Settings that cannot work or would be unsafe; the text is a plain sentence that says what to do."""


def config_file() -> Path:
    """The TOML file that is read when it exists."""
    return Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG))


class Settings(BaseSettings):
    """All settings. Environment ``PORUCH_NAME`` wins over the TOML file, which wins over the default."""

    model_config = SettingsConfigDict(env_prefix="PORUCH_", extra="forbid", frozen=True)

    data_dir: Path = Field(Path("/var/lib/poruch"), description="Directory of the database, the secrets and backups.")
    database_url: SecretStr = Field(
        SecretStr(""), description="Database as a SQLAlchemy URL; empty means SQLite in the data directory."
    )
    keys_dir: Path | None = Field(
        None, description="Directory of the key files; empty means “keys” in the data directory. Back it up apart."
    )
    base_url: str = Field("http://localhost:8080", description="The address people open, without a path.")
    other_origins: Words = Field(
        [], description="Further addresses under which browsers may open the same server, with commas between."
    )
    call_url: str = Field(
        "", description="Address of the call page, when another host serves it; empty means this server's own."
    )
    client_origins: Words = Field(
        [], description="Further addresses of hosts that serve the call page for this server, with commas between."
    )
    listen_host: str = Field("127.0.0.1", description="Address that the pages listen on.")
    listen_port: int = Field(8080, ge=0, le=65535, description="TCP port of the pages; 0 takes a free one.")
    tls_cert: Path | None = Field(None, description="Certificate chain (PEM), when this server speaks HTTPS itself.")
    tls_key: Path | None = Field(None, description="Private key of the certificate (PEM).")
    behind_proxy: int = Field(
        0, ge=0, le=8, description="Number of your reverse proxies in front, each setting X-Forwarded-For; 0 is none."
    )
    media_listen: str = Field(
        "::", description="Address that sound and picture arrive on; :: is every one, 0.0.0.0 every one of IPv4."
    )
    media_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Port (UDP, TCP) of the first media worker, the next takes the next; 0 takes free ones.",
    )
    media_announced: Words = Field(
        [],
        description="IP addresses that browsers are told for media, with commas between; empty means this machine's.",
    )
    media_tcp: bool = Field(
        True, description="Sound and picture over TCP as well, on the same port numbers, for networks that block UDP."
    )
    turn_urls: Words = Field(
        [], description="Addresses of your TURN relay, like turn:relay.example.org:3478, with commas between."
    )
    turn_secret: SecretStr = Field(
        SecretStr(""), description="The secret that the relay shares with this server (coturn: static-auth-secret)."
    )
    media_workers: int = Field(
        default_factory=lambda given: 1 if given.get("media_port") else min(MOST_WORKERS, len(os.sched_getaffinity(0))),
        ge=1,
        le=MOST_WORKERS,
        description="Number of media worker processes, each with a port of its own. Unless you say: one for each core, "
        "or a single one where media_port names a port, because no other may be open.",
    )
    organisation: str = Field("Поруч", min_length=1, max_length=120, description="Name of the organisation on pages.")
    help_phone: str = Field("", max_length=40, description="Telephone number for help, shown on every page of a call.")
    languages: Words = Field(["uk", "ru", "en"], description="Languages on offer, with commas between.")
    default_language: str = Field("uk", description="Language when a person has not chosen one.")
    time_zone: str = Field("Europe/Kyiv", description="Time zone of new accounts and appointments.")
    session_idle_minutes: int = Field(
        60, ge=5, le=1440, description="Minutes without use after which staff sign in again."
    )
    session_hours: int = Field(12, ge=1, le=72, description="Hours after which staff sign in again in any case.")
    link_hours: int = Field(72, ge=1, le=720, description="Hours that a staff invitation or password link works.")
    retention_ordinary_years: int = Field(
        5, ge=0, le=100, description="Years after its end that a case of the ordinary retention class is kept."
    )
    retention_long_years: int = Field(
        25, ge=0, le=100, description="Years after its end that a case of the long retention class is kept."
    )
    transport_days: int = Field(
        90, ge=1, le=90, description="Days after which what is left of a meeting's connections is deleted."
    )
    metrics_token: SecretStr = Field(
        SecretStr(""), description="Bearer token for /metrics; empty means that only loopback may read it."
    )
    witnesses: Words = Field(
        [],
        description="Witnesses that co-sign the ledger, each “https://address name+id+key”, with commas between.",
    )
    ledger_token: SecretStr = Field(
        SecretStr(""), description="Bearer token for a copy of the ledger's tiles over HTTP; empty means none is given."
    )
    drain_seconds: int = Field(20, ge=0, le=600, description="Seconds that running calls get when the server stops.")
    demo: bool = Field(False, description="Demo organisation with one-click sign-in; never on a real server.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, environment, TOML file; nothing else."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())

    @field_validator(
        "other_origins", "client_origins", "media_announced", "turn_urls", "languages", "witnesses", mode="before"
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("behind_proxy", mode="before")
    @classmethod
    def _count(cls, value: Any) -> Any:
        return {"true": 1, "yes": 1, "false": 0, "no": 0}.get(value.lower(), value) if isinstance(value, str) else value

    @field_validator("base_url")
    @classmethod
    def _is_origin(cls, value: str) -> str:
        return _origin(value)

    @field_validator("call_url")
    @classmethod
    def _is_page(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment):
            raise ValueError(f"“{value}” is not an address like https://call.example.org/call.html")
        return value

    @field_validator("other_origins", "client_origins")
    @classmethod
    def _are_origins(cls, value: list[str]) -> list[str]:
        return [_origin(each) for each in value]

    @field_validator("media_announced")
    @classmethod
    def _are_addresses(cls, value: list[str]) -> list[str]:
        return [str(ipaddress.ip_address(each)) for each in value]

    @field_validator("turn_urls")
    @classmethod
    def _are_relays(cls, value: list[str]) -> list[str]:
        for each in value:
            if not _RELAY.fullmatch(each):
                raise ValueError(f"“{each}” is not an address like turn:relay.example.org:3478?transport=udp")
        return value

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"“{value}” is not a known time zone; write it like Europe/Kyiv")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        if not self.languages:
            raise ValueError("languages must name at least one language")
        if self.default_language not in self.languages:
            raise ValueError(f"default_language “{self.default_language}” is not one of languages")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together: set both or neither")
        if bool(self.turn_urls) != bool(self.turn_secret.get_secret_value()):
            raise ValueError("turn_urls and turn_secret belong together: set both or neither")
        if self.media_port and self.media_port + self.media_workers - 1 > 65535:
            raise ValueError("media_port plus media_workers goes beyond port 65535")
        return self

    @property
    def url(self) -> str:
        """The database as a SQLAlchemy URL."""
        given = self.database_url.get_secret_value()
        return given or f"sqlite+aiosqlite:///{self.data_dir / 'poruch.sqlite3'}"

    @property
    def keys_folder(self) -> Path:
        """Where the key files are."""
        return self.keys_dir or self.data_dir / "keys"

    @property
    def secure(self) -> bool:
        """Whether people reach the server by HTTPS."""
        return self.base_url.startswith("https://")

    @property
    def origins(self) -> frozenset[str]:
        """Origins whose pages may post forms and open sockets here."""
        return frozenset({self.base_url, *self.other_origins})

    @property
    def call_page(self) -> str:
        """The address of the call page, which invitation links and the team's own way into a call lead to."""
        return self.call_url or f"{self.base_url}/call"

    @property
    def call_hosts(self) -> frozenset[str]:
        """Origins of other hosts whose call page may speak for people here."""
        parts = urlsplit(self.call_url)
        named = {_origin(f"{parts.scheme}://{parts.netloc}")} if self.call_url else set()
        return frozenset({*named, *self.client_origins}) - self.origins

    @property
    def zone(self) -> ZoneInfo:
        """The organisation's time zone."""
        return ZoneInfo(self.time_zone)


def load(**given: Any) -> Settings:
    """Read the settings; what is given wins. Raises SettingsError with a plain sentence."""
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError("\n".join(_plain(each) for each in error.errors())) from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"The settings file {config_file()} cannot be read: {error}") from None


def refuse_unsafe(settings: Settings) -> None:
    """Raise SettingsError where ``poruch serve`` would put people's conversations at risk."""
    host = urlsplit(settings.base_url).hostname or ""
    if settings.demo:
        raise SettingsError("demo is on. The real server never offers one-click sign-in: remove PORUCH_DEMO.")
    if settings.behind_proxy and settings.tls_cert:
        raise SettingsError(
            "Both behind_proxy and tls_cert are set. Either the proxy speaks HTTPS or this server does: keep one."
        )
    if not settings.secure and not is_loopback(host):
        raise SettingsError(
            f"base_url is {settings.base_url}, but browsers give camera and microphone only to HTTPS pages. "
            "Set base_url to an address that begins with https://."
        )
    if not is_loopback(settings.listen_host) and not settings.tls_cert and not settings.behind_proxy:
        raise SettingsError(
            f"The pages would listen on {settings.listen_host} without encryption. Set tls_cert and tls_key, "
            "or set behind_proxy to the number of your reverse proxies, or listen on 127.0.0.1."
        )
    if settings.secure and not settings.tls_cert and not settings.behind_proxy:
        raise SettingsError(
            "base_url begins with https://, but nothing here speaks HTTPS. Set tls_cert and tls_key, "
            "or set behind_proxy to the number of your reverse proxies."
        )
    for file in (settings.tls_cert, settings.tls_key):
        if file is not None and not os.access(file, os.R_OK):
            raise SettingsError(f"The file {file} of the certificate cannot be read.")


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"} or parts.query:
        raise ValueError(f"“{value}” is not an address like https://poruch.example.org (scheme, name, no path)")
    default = {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    # Browsers leave the scheme's own port out of the Origin header, so we do too.
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in {None, default} else "")


def _plain(error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        return f"There is no setting called {name}; see “poruch settings”."
    return f"{name}: {message}." if name else f"{message}."
