"""One e-mail through the mail server of EMAIL_URL, its Message-ID made from the key of the delivery."""

from __future__ import annotations

import contextlib
import smtplib

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from followups.channels.answers import Answer, Outcome, Reason, at_most, failure


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
            return Answer(Outcome.UNREACHABLE, failure(Reason.MAIL_AWAY, error))
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
        return _refused(Reason.NO_SUCH_BOX, max(codes, default=550))
    except smtplib.SMTPResponseException as error:  # sender or data refused
        return _refused(Reason.MAIL_REFUSED, error.smtp_code)
    except (smtplib.SMTPNotSupportedError, ValueError) as error:
        return Answer(Outcome.REFUSED, failure(Reason.BAD_MAIL, error))
    except (smtplib.SMTPException, OSError) as error:
        return Answer(Outcome.UNKNOWN, failure(Reason.NO_ANSWER, error))
    return Answer(Outcome.SENT)


def _refused(reason: Reason, code: int) -> Answer:
    """5xx is for good, anything else for now (RFC 5321, 4.2.1)."""
    return Answer(Outcome.REFUSED if 500 <= code < 600 else Outcome.NOT_NOW, reason.with_detail(code))
