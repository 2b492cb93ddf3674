"""One e-mail through the mail server of EMAIL_URL, its Message-ID made from the key of the delivery."""

from __future__ import annotations

import contextlib
import smtplib

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from followups.channels.answers import Answer, Outcome, at_most, failure


def send(key: str, to: str, subject: str, body: str) -> Answer:
    """What became of it; the codes of the server's answers are read, its words are not."""
    server = get_connection(timeout=settings.OUTBOX_CONNECT_SECONDS)
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2]
    headers = {"Message-ID": f"<{key}@{domain}>", "Auto-Submitted": "auto-generated"}
    message = EmailMessage(subject, body, to=[to], headers=headers, connection=server)
    try:
        try:
            server.open()
        except (OSError, smtplib.SMTPException) as error:
            return Answer(Outcome.UNREACHABLE, failure("连不上邮件服务器", error))
        with at_most(settings.OUTBOX_TOTAL_SECONDS, getattr(getattr(server, "connection", None), "sock", None)):
            return _hand_over(message)
    finally:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.close()


def _hand_over(message: EmailMessage) -> Answer:
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _words in error.recipients.values()]
        return _refused("邮件服务器不收这个邮箱", max(codes, default=550))
    except smtplib.SMTPResponseException as error:  # sender or data refused
        return _refused("邮件服务器不收", error.smtp_code)
    except (smtplib.SMTPNotSupportedError, ValueError) as error:
        return Answer(Outcome.REFUSED, failure("这封邮件发不了", error))
    except (smtplib.SMTPException, OSError) as error:
        return Answer(Outcome.UNKNOWN, failure("发出后没有答复", error))
    return Answer(Outcome.SENT)


def _refused(words: str, code: int) -> Answer:
    """5xx is for good, anything else for now (RFC 5321, 4.2.1)."""
    return Answer(Outcome.REFUSED if 500 <= code < 600 else Outcome.NOT_NOW, f"{words}，答复 {code}")
