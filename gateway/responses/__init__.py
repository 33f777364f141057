"""Turns outcomes into responses: a status with a challenge, a redirect or a page."""

from gateway.responses.admission import SESSION_ONLY, Admission
from gateway.responses.bodies import NO_STORE, json_answer, page, page_leading_to, redirect
from gateway.responses.language import LANGUAGE_COOKIE, LANGUAGE_PATH
from gateway.responses.locations import (
    ACCESS_REQUESTS_PATH,
    ACCOUNT_PATH,
    COME_AGAIN_SCRIPT_PATH,
    COPY_SCRIPT_PATH,
    EMAIL_PATH,
    FORGOT_PATH,
    FRAGMENT_SCRIPT_PATH,
    INVITATION_PATH,
    LOGIN_PATH,
    LOGOUT_PATH,
    OTHER_ACCOUNT,
    PASSKEY_SCRIPT_PATH,
    RESET_PATH,
    SETUP_PATH,
    SIGN_IN_PATH,
    SIGNED_IN_PATH,
    TIMES_SCRIPT_PATH,
    sign_in_location,
)
from gateway.responses.problems import for_error, problem, problem_document
from gateway.responses.refusals import for_decision, rejected, sign_in

__all__ = [
    "ACCESS_REQUESTS_PATH",
    "ACCOUNT_PATH",
    "COME_AGAIN_SCRIPT_PATH",
    "COPY_SCRIPT_PATH",
    "EMAIL_PATH",
    "FORGOT_PATH",
    "FRAGMENT_SCRIPT_PATH",
    "INVITATION_PATH",
    "LANGUAGE_COOKIE",
    "LANGUAGE_PATH",
    "LOGIN_PATH",
    "LOGOUT_PATH",
    "NO_STORE",
    "OTHER_ACCOUNT",
    "PASSKEY_SCRIPT_PATH",
    "RESET_PATH",
    "SESSION_ONLY",
    "SETUP_PATH",
    "SIGNED_IN_PATH",
    "SIGN_IN_PATH",
    "TIMES_SCRIPT_PATH",
    "Admission",
    "for_decision",
    "for_error",
    "json_answer",
    "page",
    "page_leading_to",
    "problem",
    "problem_document",
    "redirect",
    "rejected",
    "sign_in",
    "sign_in_location",
]
