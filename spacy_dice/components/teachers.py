"""The teachers of a component: the same one of trained pipelines, asked while it is trained."""

from collections.abc import Sequence

import spacy
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from thinc.types import Floats2d
from thinc.util import get_array_module

from .._validation import listed, refuse
from ..losses import main_names

# Not copied to a teacher: what the student's own components left behind for each other.
_OF_STUDENT = ("tensor", "user_data")


class Teacher:
    """A component of a trained pipeline, and the components before it.

    component: it, whose model gives probabilities also where it is not trained.
    RAISES: ValueError if there is no such pipeline, or no component of the kind of `student` that
        knows all of its labels; if its moves are not the same ones.
    """

    def __init__(self, folder: str, student: TrainablePipe) -> None:
        owner = f"[components.{student.name}.loss.teachers]"
        try:
            self.nlp = spacy.load(folder)
        except OSError as error:
            raise ValueError(
                f"{owner}: there is no trained pipeline {folder!r}; name the folder of one, such "
                f"as training/model-best, or one that is installed: {error}"
            ) from error
        name = self._name_of(owner, folder, student)
        self.component = self.nlp.get_pipe(name)
        for later in self.nlp.component_names[self.nlp.component_names.index(name) :]:
            if later in self.nlp.pipe_names:
                self.nlp.disable_pipe(later)
        for node in self.component.model.walk():
            # Taggers need no probabilities to predict, and leave them out.
            if "softmax_normalize" in node.attrs:
                node.attrs["softmax_normalize"] = True
        known, wanted = (
            main_names(type(student).name_columns(pipe)) for pipe in (self.component, student)
        )
        missing = [label for label in wanted if label not in known]
        if missing:
            refuse(
                owner,
                f"the component {name!r} of {folder!r} does not know the labels {listed(missing)}; "
                "take a teacher that was trained on the same labels",
            )
        if hasattr(student, "moves") and len(known) > len(wanted):
            others = [label for label in known if label not in wanted]
            refuse(
                owner,
                f"the component {name!r} of {folder!r} has other moves, too, {listed(others)}; "
                "take a teacher that was trained on the same labels",
            )
        places = {label: i for i, label in enumerate(known)}
        self._columns = [places[label] for label in wanted]

    def read(self, docs: Sequence[Doc]) -> list[Doc]:
        """Copies of documents, as the component gets them: its pipeline was there before it."""
        copies = [
            Doc(self.nlp.vocab).from_dict(doc.to_dict(exclude=_OF_STUDENT), exclude=_OF_STUDENT)
            for doc in docs
        ]
        return list(self.nlp.pipe(copies))

    def in_order_of_student(self, probs: Floats2d, exclusive: bool) -> Floats2d:
        """The columns of the student's labels.

        exclusive: whether they are to sum to 1, without those labels that the student has not.
        """
        taken = probs[:, self._columns]
        if exclusive and taken.shape[1] < probs.shape[1]:
            xp = get_array_module(taken)
            total = taken.sum(axis=1, keepdims=True)
            taken = taken / xp.maximum(total, xp.finfo(taken.dtype).tiny)
        return taken

    def _name_of(self, owner: str, folder: str, student: TrainablePipe) -> str:
        from .table import row_of

        row = row_of(student)
        same = [
            name
            for name, pipe in self.nlp.components
            if isinstance(pipe, TrainablePipe) and row_of(pipe) is row
        ]
        if student.name in same:
            return str(student.name)
        if len(same) != 1:
            refuse(
                owner,
                f"{folder!r} has no {row.stock if row else type(student).__name__} "
                f"{student.name!r}, and {listed(same) or 'no other'} of that kind; its components "
                f"are {listed(self.nlp.component_names) or 'none'}",
            )
        return same[0]


class Teachers(dict[str, Teacher]):
    """The teachers of a component that were loaded, by their folders.

    A copy, be it pickled, is empty: nothing of a teacher goes with its student.
    """

    def __reduce__(self) -> tuple[type["Teachers"], tuple[()]]:
        return Teachers, ()

    def of(self, student: TrainablePipe, folder: str) -> Teacher:
        """The teacher in a folder, loaded when it is first asked for. RAISES: see `Teacher`."""
        if folder not in self:
            self[folder] = Teacher(folder, student)
        return self[folder]
