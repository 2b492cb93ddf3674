"""Signing in and out, /me/ and /help/."""

from __future__ import annotations

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView as DjangoLoginView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from rest_framework.authtoken.models import Token

from audit.models import Action, record
from villages import changes, handbook
from villages.forms import MessagesForm, PasswordForm, SettingsForm
from villages.models import User
from villages.pages import posted, status_of
from villages.requests import SignedInRequest
from villages.sessions import end_sessions, sessions_of


class LoginView(DjangoLoginView):
    """The login page: unknown account, disabled account and wrong password get the same sentence in the same time."""

    template_name = "login.html"
    http_method_names = ["get", "head", "post", "options"]
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        now = timezone.now()
        if user.initial_password_until and user.initial_password_until < now:
            return self._refuse(form, _("初始密码已经过期，找系统管理员重新发一个"))
        with transaction.atomic():
            if user.initial_password_until and settings.POLICY_PROFILE != "demo":
                # Single use: from here on only this session may set the real one.
                user.set_unusable_password()
                user.initial_password_until = None
                user.save(update_fields=["password", "initial_password_until"])
            login(self.request, user)
            # Shown to the person on /me/ beside the other places where they are signed in.
            self.request.session["agent"] = self.request.headers.get("User-Agent", "")[:200]
            self.request.session["address"] = self.request.META.get("REMOTE_ADDR", "")
            record(
                action=Action.LOGIN, actor=user, county=changes.county_of(user), subject=f"user:{user.pk}",
                at=now, request=self.request,
            )  # fmt: skip
        return redirect(self.get_success_url())

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        name = form.data.get("username", "")
        if not name or not form.data.get("password"):
            return self._refuse(form, _("填写账号和密码"))
        left = settings.AXES_FAILURE_LIMIT - AxesProxyHandler.get_failures(self.request, {"username": name})
        if left > 0:
            sentence = ngettext("账号或密码不对，还可再试 %(n)d 次", "账号或密码不对，还可再试 %(n)d 次", left) % {
                "n": left
            }
        else:
            sentence = _("账号或密码不对")  # the lockout answer replaces this page
        return self._refuse(form, sentence)

    def _refuse(self, form: AuthenticationForm, sentence: str) -> HttpResponse:
        # The typed name is kept out of the log: people type their password into the wrong field.
        record(
            action=Action.LOGIN_FAILED, subject="login", at=timezone.now(), request=self.request,
            detail={"locked": bool(getattr(self.request, "axes_locked_out", False))},
        )  # fmt: skip
        return self.render_to_response(self.get_context_data(form=form, sentence=sentence), status=422)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        ended = {
            "idle": _("离开时间较长，需要重新登录。没提交的内容已存草稿"),
            "ended": _("这次登录已经结束，需要重新登录"),
        }.get(request.GET.get("ended", ""))
        if ended:
            messages.info(request, ended)
        return super().get(request, *args, **kwargs)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session on the server."""
    user = request.user
    with transaction.atomic():
        logout(request)
        if user.is_authenticated:
            record(
                action=Action.LOGOUT, actor=user, county=changes.county_of(user), subject=f"user:{user.pk}",
                at=timezone.now(), request=request,
            )  # fmt: skip
    return redirect(settings.LOGOUT_REDIRECT_URL)


@require_http_methods(["GET", "POST"])
def me(request: SignedInRequest) -> HttpResponse:
    """How the screen behaves, where one is signed in, the token for the API."""
    user = request.user
    form = SettingsForm(
        posted(request),
        initial={"font_size": user.font_size, "after_save": user.after_save, "single_keys": user.single_keys},
    )
    if request.method == "POST" and form.is_valid():
        for name, value in form.cleaned_data.items():
            setattr(user, name, value)
        user.save(update_fields=list(form.cleaned_data))
        messages.success(request, _("已保存"))
        return redirect("me")
    return _me_page(request, form=form)


@require_POST
def messages_set(request: SignedInRequest) -> HttpResponse:
    """Where notices go while the system is closed."""
    form = MessagesForm(request.POST)
    if not form.is_valid():
        return _me_page(request, told=form)
    changes.set_messages(user=request.user, at=timezone.now(), request=request, **form.cleaned_data)
    messages.success(request, _("已保存"))
    return redirect("me")


def _me_page(
    request: SignedInRequest, *, form: SettingsForm | None = None, told: MessagesForm | None = None, token: str = ""
) -> HttpResponse:
    user = request.user
    if form is None:
        form = SettingsForm(
            initial={"font_size": user.font_size, "after_save": user.after_save, "single_keys": user.single_keys}
        )
    return render(
        request,
        "villages/me.html",
        {
            "form": form,
            "told": told or MessagesForm(initial={f: getattr(user, f) for f in MessagesForm.base_fields}),
            "postings": user.postings.filter(changes.in_force()).select_related("office"),
            "places": sorted(
                sessions_of(user), key=lambda place: (place.key != request.session.session_key, -_seconds(place.seen))
            ),
            "here": request.session.session_key,
            "token": token,
            "has_token": Token.objects.filter(user=user).first(),
        },
        status=status_of(told or form),
    )


def _seconds(moment: Any) -> float:
    return moment.timestamp() if moment else 0.0


@require_POST
def token_make(request: SignedInRequest) -> HttpResponse:
    """Make a token and show it this once."""
    return _me_page(request, token=changes.make_token(user=request.user, at=timezone.now()))


@require_POST
def token_revoke(request: SignedInRequest) -> HttpResponse:
    """Take the token away."""
    changes.revoke_token(user=request.user, at=timezone.now())
    messages.success(request, _("令牌已停用"))
    return redirect("me")


@require_POST
def sessions_end(request: SignedInRequest) -> HttpResponse:
    """Sign out everywhere else."""
    count = end_sessions(request.user, keep=request.session.session_key)
    messages.success(request, _("已退出其他 %(n)d 处登录") % {"n": count})
    return redirect("me")


@require_http_methods(["GET", "POST"])
def password(request: SignedInRequest) -> HttpResponse:
    """Change one's own password; every other session ends."""
    user: User = request.user
    form = PasswordForm(user, posted(request))
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        with transaction.atomic():
            user.set_password(form.cleaned_data["new"])
            user.must_change_password = False
            user.initial_password_until = None
            user.password_changed_at = now
            user.save(
                update_fields=["password", "must_change_password", "initial_password_until", "password_changed_at"]
            )
            end_sessions(user, keep=request.session.session_key)
            update_session_auth_hash(request, user)
            record(
                action=Action.MANAGE, actor=user, county=changes.county_of(user), subject=f"user:{user.pk}",
                detail={"did": "change_password"}, at=now, request=request,
            )  # fmt: skip
        messages.success(request, _("密码已更换，其他地方的登录已退出"))
        return redirect("me")
    return render(
        request,
        "villages/password.html",
        {"form": form, "must": user.must_change_password},
        status=status_of(form),
    )


@require_GET
def help_page(request: SignedInRequest) -> HttpResponse:
    """Manual, shortcuts, glossary, what we do not do, the field register, the formulas."""
    return render(request, "villages/help.html", {"handbook": handbook})
