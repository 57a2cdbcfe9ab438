"""Areas: parts of the city that cameras lie in and that people answer for."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.settings import Name


class Area(BaseModel):
    """An area; `grid_code` is its code in the city's grid, where it has one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    grid_code: Annotated[str, StringConstraints(pattern=r"^\S{1,64}$")] | None = Field(default=None)
