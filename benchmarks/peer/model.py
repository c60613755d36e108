"""The same body as pydantic models: shapes, lengths, patterns and dates.

Check digits, eras, kana and cross-field checks are not here: the peer's validation does less
than the procedure's schema. The variant ``jsonschema`` of the door checks all of it.
"""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1, max_length=300)]
Name50 = Annotated[str, Field(min_length=1, max_length=50)]
Code = Annotated[str, Field(pattern=r"^[0-9]{6}$")]
MyNumber = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
Phone = Annotated[str, Field(pattern=r"^0[0-9]{8,10}$")]
Era = Annotated[
    str, Field(pattern=r"^(明治|大正|昭和|平成|令和)(元|[0-9]{1,2})年[0-9]{1,2}月[0-9]{1,2}日$")
]
Sex = Literal["0", "1", "2"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PersonName(_Part):
    family: Name50
    given: Name50
    family_kana: Name50
    given_kana: Name50


class Address(_Part):
    postal_code: Annotated[str, Field(pattern=r"^[0-9]{7}$")]
    prefecture: Annotated[str, Field(min_length=1, max_length=4)]
    city: Annotated[str, Field(min_length=1, max_length=24)]
    town: Annotated[str, Field(max_length=120)] | None = None
    block: Name50
    building: Text | None = None


class Person(_Part):
    name: PersonName
    birth_date: date
    birth_date_era: Era | None = None
    sex: Sex
    my_number: MyNumber
    address: Address


class To(_Part):
    municipality_code: Code
    addressee: Annotated[str, Field(min_length=1, max_length=100)] | None = None


class Contact(_Part):
    phone: Phone | None = None
    email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    preferred_time: Annotated[str, Field(max_length=100)] | None = None


class Applicant(_Part):
    destination: To
    applied_on: date
    kind: Literal["individual"]
    person: Person
    contact: Contact


class Circumstances(_Part):
    occupation: Literal["employee", "public_servant", "self_employed", "none", "other"]
    employer: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    pension: Literal["employees", "employees_public", "private_school_mutual", "national", "none"]
    lived_here_on_january_1: bool
    january_1_municipality_code: Code | None = None


class Spouse(_Part):
    name: PersonName
    birth_date: date
    birth_date_era: Era | None = None
    my_number: MyNumber
    lives_together: bool
    address: Address | None = None
    circumstances: Circumstances


class BankAccount(_Part):
    bank_code: Annotated[str, Field(pattern=r"^[0-9]{4}$")]
    bank_name: Name50
    branch_code: Annotated[str, Field(pattern=r"^[0-9]{3}$")]
    branch_name: Name50
    type: Literal["ordinary", "current"]
    number: Annotated[str, Field(pattern=r"^[0-9]{7}$")]
    holder: Annotated[str, Field(min_length=1, max_length=30)]


class Payment(_Part):
    method: Literal["bank_account", "postal_account", "registered_public_account"]
    bank_account: BankAccount | None = None


class Child(_Part):
    name: PersonName
    birth_date: date
    birth_date_era: Era | None = None
    sex: Sex
    my_number: MyNumber | None = None
    relationship: Literal["child", "adopted_child", "grandchild", "sibling", "other"]
    lives_together: bool
    address: Address | None = None
    custody: bool
    livelihood: Literal["shared", "maintained"]


class Content(_Part):
    reason: Literal["birth", "moved_in", "custody", "left_public_service", "other"]
    reason_date: date | None = None
    claimant: Circumstances
    has_spouse: bool
    spouse: Spouse | None = None
    payment: Payment
    children: Annotated[list[Child], Field(min_length=1, max_length=15)]
    remarks: Annotated[str, Field(max_length=1000)] | None = None


class Application(_Part):
    """One application, as the front end sends it."""

    procedure: Annotated[str, Field(max_length=100)]
    version: Annotated[int, Field(ge=1, le=9999)]
    receipt_number: Annotated[str, Field(min_length=1, max_length=64)]
    supersedes: UUID | None = None
    submitted_at: datetime
    applicant: Applicant
    content: Content


class Acceptance(BaseModel):
    """What a 202 says; the receipt is signed, as ours is."""

    id: UUID
    status: Literal["accepted"] = "accepted"
    accepted_at: datetime
    procedure: str
    version: int
    receipt: str
