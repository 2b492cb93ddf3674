"""The rules of architecture.md and reliability.md that are read off the source itself.

Each rule is a function from a module to what breaks it. Beside the test that finds nothing in the product stands a
piece of code that breaks the rule, so that a rule which has gone blind turns red too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest
from django.apps import apps

from tests.house.tree import ROOMS, ROOT, Source, calls, imports, sources

Rule = Callable[[Source], Iterator[str]]

# --- the rules --------------------------------------------------------------------------------------------------------


#: Imports against the direction; each with the reason.
UPWARD = {
    ("audit/keyring.py", "config.keys"): "makes a secret file; settings need it before any room is loaded, so it"
    " imports nothing of ours",
}


def imports_upward(source: Source) -> Iterator[str]:
    """audit <- villages <- disputes <- followups <- ledgers <- config; inside functions too."""
    for line, module in imports(source):
        room = module.split(".")[0]
        if any(source.path == path and module.startswith(allowed) for path, allowed in UPWARD):
            continue
        if room in ROOMS and ROOMS.index(room) > ROOMS.index(source.room):
            yield f"{source.path}:{line} imports {module}"


#: Modules that write many rows at once, apart from each room's models.py; each with the reason.
WRITES_IN_BULK = {
    "audit/idempotency.py": "claims a key in one insert that a second request loses",
    "disputes/bulk.py": "load_demo's invented cases by the thousand; tests/demo holds them against the same invariants",
    "followups/bulk.py": "the visits of those cases",
    "disputes/effects.py": "the inside of perform(), under its lock: rows that hang on the case",
    "followups/reactions.py": "rows of one event, inserted together with its Handled row",
    "followups/planning.py": "the plan of one locked case: planned rows, which no person has written",
}


def writes_in_bulk(source: Source) -> Iterator[str]:
    """update() and bulk_*() pass every door by: no lock, no Event, no AccessLog row."""
    if source.path.endswith("/models.py") or source.path in WRITES_IN_BULK:
        return
    for node, name in calls(source):
        # A queryset's update takes keywords only; with a positional argument it is a dict, a set or a digest.
        is_queryset_update = name == "update" and isinstance(node.func, ast.Attribute) and not node.args
        if name in {"bulk_create", "bulk_update"} or (is_queryset_update and node.keywords):
            yield f"{source.path}:{node.lineno} {name}()"


def locks_elsewhere(source: Source) -> Iterator[str]:
    """Rows are locked in audit/locks.py alone: on SQLite select_for_update silently does nothing."""
    if source.path != "audit/locks.py":
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Attribute) and node.attr == "select_for_update":
                yield f"{source.path}:{node.lineno} select_for_update"


def uses_signals(source: Source) -> Iterator[str]:
    """Bulk writes send no signals and their order is implicit, so no rule and no log hangs on one."""
    for line, module in imports(source):
        if re.match(
            r"django\.(dispatch|db\.models\.signals|core\.signals|contrib\.auth\.signals|test\.signals)", module
        ):
            yield f"{source.path}:{line} {module}"


#: Where the broker may be spoken to: the schedule, and the task that beat calls.
BROKER = {"config/celery.py", "followups/tasks.py"}


def calls_the_broker(source: Source) -> Iterator[str]:
    """A frozen Redis must not hold a request: reminders are rows, and beat calls the pump."""
    if source.path not in BROKER:
        for node, name in calls(source):
            if name in {"delay", "apply_async", "send_task", "retry"} and isinstance(node.func, ast.Attribute):
                yield f"{source.path}:{node.lineno} .{name}()"


#: Modules that may call text safe HTML; each with the reason. Everything else escapes.
MARKS_SAFE: dict[str, str] = {
    "disputes/filters.py": "joins pieces that format_html escaped, a list of 50 rows being slow in any other way",
    "disputes/rows.py": "escapes every value of a row itself, and holds nothing else",
}


def marks_safe(source: Source) -> Iterator[str]:
    """format_html escapes what it joins; mark_safe trusts what it is given."""
    if source.path in MARKS_SAFE:
        return
    for node, name in calls(source):
        is_constant = bool(node.args) and isinstance(node.args[0], ast.Constant)  # words of our own
        if name in {"mark_safe", "SafeString", "SafeText"} and not is_constant:
            yield f"{source.path}:{node.lineno} {name}()"


def takes_every_field(source: Source) -> Iterator[str]:
    """A form or serializer names its fields: a new column must not become writable by itself (T-06)."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and node.name == "Meta":
            for line in node.body:
                if isinstance(line, ast.Assign):
                    names = {target.id for target in line.targets if isinstance(target, ast.Name)}
                    everything = isinstance(line.value, ast.Constant) and line.value.value == "__all__"
                    if "exclude" in names or ("fields" in names and everything):
                        yield f"{source.path}:{line.lineno} {', '.join(names)}"


def reads_the_clock(source: Source) -> Iterator[str]:
    """The domain is told the time (`at`): who asks the clock itself cannot be tested on any other day."""
    if source.path.split("/")[0] not in {"disputes", "followups"}:
        return
    if source.path.endswith(("/moves.py", "/effects.py", "/safeguards.py", "/clock.py", "/reactions.py", "/visits.py")):
        for node, name in calls(source):
            if name in {"now", "today"} or (name == "localdate" and not node.args):
                yield f"{source.path}:{node.lineno} {name}()"


def disables_csrf(source: Source) -> Iterator[str]:
    """No view of ours is exempt from the CSRF check; the API's token authentication needs no exemption of ours."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name | ast.Attribute) and "csrf_exempt" in (
            getattr(node, "id", ""),
            getattr(node, "attr", ""),
        ):
            yield f"{source.path}:{node.lineno} csrf_exempt"


#: rule → (path, code that breaks it)
RULES: dict[Rule, tuple[str, str]] = {
    imports_upward: ("audit/x.py", "def f():\n    from disputes.models import Dispute\n"),
    writes_in_bulk: ("disputes/views.py", "Dispute.objects.filter(pk=1).update(status='closed')\n"),
    locks_elsewhere: ("disputes/models.py", "Dispute.objects.select_for_update().get()\n"),
    uses_signals: ("disputes/apps.py", "from django.db.models.signals import post_save\n"),
    calls_the_broker: ("disputes/views.py", "pump.delay(1)\n"),
    marks_safe: ("disputes/views.py", "mark_safe(case.narrative)\n"),
    takes_every_field: ("disputes/forms.py", "class F:\n    class Meta:\n        fields = '__all__'\n"),
    reads_the_clock: ("disputes/effects.py", "at = timezone.now()\n"),
    disables_csrf: ("disputes/views.py", "@csrf_exempt\ndef view(request): ...\n"),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_nothing_in_the_product_breaks(rule: Rule) -> None:
    assert [line for source in sources() for line in rule(source)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_code_that_breaks_it_is_seen_by(rule: Rule) -> None:
    assert list(rule(Source.of(*RULES[rule])))


def test_the_rules_read_the_whole_product() -> None:
    rooms = {source.room for source in sources()}
    assert rooms == set(ROOMS)
    assert {app.name for app in apps.get_app_configs() if (ROOT / app.name).is_dir()} == set(ROOMS)


def test_every_exception_still_exists() -> None:
    """An exception whose file is gone is taken off the list."""
    known = {source.path for source in sources()}
    assert set(WRITES_IN_BULK) | BROKER | set(MARKS_SAFE) | {path for path, _module in UPWARD} <= known


def test_what_is_imported_upward_imports_nothing_itself() -> None:
    for source in sources():
        if source.path.removesuffix(".py").replace("/", ".") in {module for _path, module in UPWARD}:
            assert [module for _line, module in imports(source) if module.split(".")[0] in ROOMS] == []


def test_no_room_points_a_column_at_a_room_above_it() -> None:
    upward = []
    for model in apps.get_models():
        if model._meta.app_label not in ROOMS:
            continue
        for field in model._meta.get_fields():
            target = getattr(field, "related_model", None)
            if target is None or field.auto_created or target._meta.app_label not in ROOMS:
                continue
            if ROOMS.index(target._meta.app_label) > ROOMS.index(model._meta.app_label):
                upward.append(f"{model.__name__}.{field.name} -> {target.__name__}")
    assert upward == []


# --- templates and scripts --------------------------------------------------------------------------------------------

#: Own scripts that set innerHTML: from their own page's markup, never from an answer or from what somebody typed.
INNER_HTML = {
    "static/js/rows.js": "copies a template that stands in the page",
    "static/js/forms.js": "puts back a button's own label",
}


def unescaped(text: str) -> list[str]:
    return re.findall(r"\|\s*safe\b|{%\s*autoescape\s+off|\|\s*safeseq\b", text)


def test_no_template_switches_escaping_off() -> None:
    found = {
        str(file.relative_to(ROOT)): unescaped(file.read_text(encoding="utf-8"))
        for file in (ROOT / "templates").rglob("*")
        if file.is_file()
    }
    assert {name: hits for name, hits in found.items() if hits} == {}
    assert unescaped("{{ case.narrative|safe }}")


def test_scripts_write_markup_only_where_listed() -> None:
    pattern = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")
    files = [file for file in (ROOT / "static").rglob("*.js") if "vendor" not in file.parts]
    found = {str(file.relative_to(ROOT)) for file in files if pattern.search(file.read_text(encoding="utf-8"))}
    assert found == set(INNER_HTML)
