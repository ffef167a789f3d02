"""Where backups go, whether they are sealed, and how many of them are kept."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from assets.maintenance.backup import made_at_of
from assets.maintenance.backup_store import BackupStore, BucketStore, FolderStore

if TYPE_CHECKING:
    from obstore.store import S3Config


class BackupPolicy(BaseModel):
    """Where backups go, and how many of them are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    is_scheduled: bool = Field(
        default=True, description="Whether each settled session is backed up and its restore tried, unasked."
    )
    folder: Path | None = Field(
        default=None, description="Folder of the backups, best on another device; none uses one in the home."
    )
    bucket: str | None = Field(
        default=None, min_length=3, max_length=63, description="Bucket of an S3-compatible store, instead of a folder."
    )
    bucket_prefix: str = Field(
        default="touchstone", pattern=r"^[A-Za-z0-9._/-]{1,100}$", description="Folder within the bucket."
    )
    endpoint: str | None = Field(
        default=None, pattern=r"^https?://", description="Address of the S3-compatible store; none is Amazon's."
    )
    region: str = Field(default="us-east-1", min_length=1, description="Region of the bucket.")
    access_key_id: SecretStr | None = Field(default=None, min_length=3, description="Public half of the bucket's key.")
    secret_access_key: SecretStr | None = Field(
        default=None, min_length=3, description="Secret half of the bucket's key."
    )
    passphrase: SecretStr | None = Field(
        default=None, min_length=12, description="Seals the backups; who loses it loses them. None leaves them plain."
    )
    daily: int = Field(default=14, ge=1, le=400, description="Newest days of which a backup is kept.")
    weekly: int = Field(default=8, ge=0, le=520, description="Newest weeks of which a backup is kept.")
    monthly: int = Field(default=12, ge=0, le=120, description="Newest months of which a backup is kept.")
    restore_seconds_max: float = Field(
        default=60.0, gt=0, le=3600, description="How long a drill's restore may take before it is red, in seconds."
    )

    @model_validator(mode="after")
    def _is_one_place(self) -> "BackupPolicy":
        if self.bucket and self.folder:
            raise ValueError("backup.folder and backup.bucket are both set: name one place")
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("backup.access_key_id and backup.secret_access_key belong together: set both or none")
        return self

    def store(self, folder: Path) -> BackupStore:
        """Return the store these settings name.

        Args:
            folder: where backups go when settings name no place.
        """
        if self.bucket is None:
            return FolderStore((self.folder or folder).expanduser().absolute())
        # The library loads where a bucket is used.
        from obstore.store import S3Store  # noqa: PLC0415 - as above

        config: S3Config = {"region": self.region}
        if self.endpoint is not None:
            config["endpoint"] = self.endpoint
        if self.access_key_id and self.secret_access_key:
            config["access_key_id"] = self.access_key_id.get_secret_value()
            config["secret_access_key"] = self.secret_access_key.get_secret_value()
        is_clear = bool(self.endpoint and self.endpoint.startswith("http://"))
        return BucketStore(
            S3Store(self.bucket, prefix=self.bucket_prefix, config=config, client_options={"allow_http": is_clear})
        )

    @property
    def secret(self) -> str | None:
        """The passphrase in clear, for sealing alone; None leaves backups plain."""
        return None if self.passphrase is None else self.passphrase.get_secret_value()


def outlived(names: Iterable[str], policy: BackupPolicy) -> tuple[str, ...]:
    """Return the backups that no day, week or month of the policy keeps, oldest first.

    Of each of the newest days that have a backup, the last one is kept; so too of each of the newest ISO weeks and
    months. Days without a backup count for nothing: a home that rested for a year loses none.

    Args:
        names: names of whole backups.
        policy: how many of each.
    """
    ordered = sorted(names)
    kept: set[str] = set()
    for count, period in ((policy.daily, _day), (policy.weekly, _week), (policy.monthly, _month)):
        last_of = {period(made_at_of(name)): name for name in ordered}
        kept |= {last_of[moment] for moment in sorted(last_of)[len(last_of) - min(count, len(last_of)) :]}
    return tuple(name for name in ordered if name not in kept)


def _day(instant: datetime) -> tuple[int, ...]:
    return instant.year, instant.month, instant.day


def _week(instant: datetime) -> tuple[int, ...]:
    return tuple(instant.isocalendar())[:2]


def _month(instant: datetime) -> tuple[int, ...]:
    return instant.year, instant.month
