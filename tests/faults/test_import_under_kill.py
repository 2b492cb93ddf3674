"""A worker that is killed at any moment of an import leaves everything or nothing, and another one goes on."""

from __future__ import annotations

import random
import time

import pytest
from django.core.files.base import ContentFile

from disputes.models import Dispute, Event, Round
from ledgers.imports import doors
from ledgers.imports import models as imports
from ledgers.imports.models import ImportBatch, clear
from ledgers.jobs.models import Job
from ledgers.jobs.running import run_waiting
from tests import factories as f
from tests.faults import processes
from tests.ledgers.test_imports import HEAD, line, sheet

ROWS = 120


def brought(w, first: int) -> ImportBatch:
    """An import that waits for a worker, of lines that no other one has."""
    content = sheet([HEAD, *(line(first + n, **{"化解结果/日期": "已化解 2025.3.9"}) for n in range(ROWS))])
    batch = doors.take_file(ContentFile(content, name="台账.xlsx"), by=w.supervisor, at=f.NOW)
    doors.check(batch, at=f.NOW, columns={}, in_background=False)
    batch.refresh_from_db()
    doors.commit(batch, by=w.supervisor, at=f.NOW)
    return batch


def work() -> None:
    imports.CHUNK = 10
    import ledgers.imports.writing as writing

    writing.CHUNK = 10
    run_waiting(60)


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.full)])
def test_killed_at_any_moment_it_is_all_there_or_nothing(w, settings, kills):
    settings.JOB_LEASE_SECONDS = 0.2
    settings.JOBS_PER_PERSON = 1000
    chance, done, batches = random.Random(20261130), 0, []
    while done < kills:
        batch = brought(w, 1000 * (len(batches) + 1))
        batches.append(batch)
        for _attempt in range(3):
            worker = processes.start(work)
            time.sleep(chance.uniform(0.02, 0.5))
            was_alive = worker.is_alive()
            processes.kill(worker)
            done += was_alive
            batch.refresh_from_db()
            seen = Dispute.objects.visible_to(w.supervisor).filter(entered_from=batch.pk).count()
            assert seen == (ROWS if batch.state == ImportBatch.State.RELEASED else 0)
            if not was_alive or done >= kills:
                break
            time.sleep(0.25)  # the lease of the dead runs out
        else:
            Job.objects.filter(pk=batch.job_id).update(deaths=0)
    time.sleep(0.3)
    Job.objects.update(deaths=0)
    run_waiting(120)
    for batch in batches:
        batch.refresh_from_db()
        assert batch.state == ImportBatch.State.RELEASED
        cases = Dispute.objects.visible_to(w.supervisor).filter(entered_from=batch.pk)
        assert cases.count() == ROWS
        assert Round.objects.filter(dispute__in=cases).count() == ROWS
        assert Event.objects.filter(dispute__in=cases, kind="settle").count() == ROWS
    numbers = sorted(Dispute.objects.values_list("case_no", flat=True))
    assert numbers == [f"620623-103-2025-L{n:04d}" for n in range(1, len(numbers) + 1)]


def test_cancelled_in_its_middle_it_is_cleared_away(w, settings):
    batch = brought(w, 1)
    import ledgers.imports.writing as writing

    assert writing.write_step(batch, at=f.NOW)
    from ledgers.jobs import running

    running.cancel(Job.objects.get(pk=batch.job_id))
    clear(f.NOW)
    batch.refresh_from_db()
    assert batch.state == ImportBatch.State.UNDONE and not Dispute.objects.exists()
