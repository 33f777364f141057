"""The published attacks on gateways of 2025 and 2026, each with what must come of it here.

A row runs its attack against a running gateway (`runs`), or names the tests that do exactly that
(`tests`).  What needs a feature that Gatepost does not have is listed with it (`later`); the day
the feature comes its test fails, and the attack gets a test.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.attacks import http_messages, identity_fields, paths_and_hosts, sessions_and_tokens
from tests.attacks.conftest import Lab

Run = Callable[[Lab], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Feature:
    """What Gatepost does not have.

    Attributes:
        settings: Settings that would turn it on, each of which is unknown.
        endpoints: Method and path of what would answer, each of which is not there.
    """

    name: str
    settings: tuple[dict[str, Any], ...] = ()
    endpoints: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Attack:
    """One published attack.

    Attributes:
        advisories: Whose and which; `GO-` numbers are those of the Go vulnerability database.
        sent: What the attacker sends.
        comes: What must come of it.
        note: What cannot be tested, and why.
    """

    number: int
    advisories: tuple[str, ...]
    sent: str
    comes: str
    runs: Run | None = None
    tests: tuple[str, ...] = ()
    later: tuple[Feature, ...] = ()
    note: str = ""


_ROUTE = {"name": "x", "prefix": "/", "access": "public"}

PAGES = Feature("error pages of others", ({"pages": {"url": "http://a"}},))
TLS_BY_HOST = Feature(
    "TLS settings that differ by host, and client certificates",
    (
        {"server": {"tls": {"client_ca_file": "/x"}}},
        {"server": {"tls": {"hosts": {}}}},
        {"routes": [{**_ROUTE, "tls": {}}]},
    ),
)

ATTACKS = (
    # Fields that say who asks.
    Attack(
        1,
        ("oauth2-proxy CVE-2025-64484",),
        "every identity field with underscores, in any case",
        "the app sees the gateway's only",
        tests=("tests/dataplane/test_fields.py::test_no_spelling_of_our_names_gets_through",),
    ),
    Attack(
        2,
        (
            "Traefik CVE-2026-39858 (GO-2026-5149)",
            "Traefik CVE-2026-33433 (GO-2026-4893)",
            "Traefik CVE-2026-54763 (GO-2026-6211)",
            "Traefik CVE-2026-88011",
        ),
        "identity fields, proxies' fields and the key's field with other marks, in trailers too",
        "apps over WSGI, Rack, PHP and CGI's names read the gateway's only",
        tests=(
            "tests/readers/test_fields.py::test_no_spelling_of_a_field_is_read_for_one_of_the_gateways",
            "tests/readers/test_fields.py::test_an_alias_of_the_keys_field_never_reaches_the_app",
            "tests/readers/test_fields.py::test_trailers_say_nothing_of_who_asks",
            "tests/message/test_fields.py::test_every_spelling_folds_to_one",
        ),
    ),
    Attack(
        3,
        ("Caddy CVE-2026-30851 (GO-2026-4639)",),
        "`Remote-Groups` and the like as a user who has no name, e-mail and groups",
        "the app sees none of them",
        runs=identity_fields.a_user_without_groups_is_given_none,
    ),
    Attack(
        4,
        ("Caddy CVE-2026-52845 (GO-2026-5346)",),
        "identity fields with other marks, behind Caddy and FastCGI",
        "the app sees the gateway's only",
        tests=(
            "tests/readers/test_fields.py::test_no_spelling_of_a_field_is_read_for_one_of_the_gateways",
            "tests/proxies/test_forward_auth.py::test_nobody_writes_identity_fields_themselves",
        ),
    ),
    Attack(
        5,
        ("Traefik CVE-2026-29054 (GO-2026-4597)",),
        "`connection: gatepost-assertion, remote-user` in every spelling",
        "the app sees the gateway's fields all the same",
        tests=(
            "tests/dataplane/test_fields.py::test_naming_a_field_in_connection_neither_lets_it_in_nor_ours_out",
        ),
    ),
    Attack(
        6,
        ("Traefik CVE-2026-35051 (GO-2026-5163)", "Traefik CVE-2026-54764 (GO-2026-6202)"),
        "all that proxies say of a request, from an address that is not trusted",
        "decision, redirect and what the app sees are the same as without",
        runs=identity_fields.a_stranger_says_nothing_of_the_request,
        tests=(
            "tests/dataplane/test_fields.py::test_what_a_stranger_says_of_the_request_does_not_count",
            "tests/dataplane/test_fields.py::test_no_field_people_walk_around_rules_with_changes_who_or_what_is_asked",
        ),
    ),
    Attack(
        7,
        ("heimdall GHSA-4jgr (GO-2026-5125)",),
        'a host with `,`, `;`, `"` or a space',
        "400",
        runs=identity_fields.no_host_begins_another_parameter,
    ),
    Attack(
        8,
        ("heimdall CVE-2026-57210 (GO-2026-5075)",),
        "`unknown`, `_x`, quoted strings and lists as the client's address",
        "conditions on addresses let nobody in",
        runs=identity_fields.no_word_is_an_address,
        tests=(
            "tests/dataplane/test_fields.py::test_a_client_whose_address_is_unknown_is_let_in_by_none_and_meets_every_deny",
            "tests/message/test_forwarded.py::test_what_is_no_address_is_none",
        ),
    ),
    Attack(
        9,
        ("oauth2-proxy CVE-2026-40575", "oauth2-proxy #3506", "authentik GHSA-5wcc"),
        "`X-Forwarded-Uri` and `X-Original-URI` to the forward-auth endpoint, both at once too",
        "refused from an address that is not trusted; else one dialect is read, the others ignored",
        tests=(
            "tests/dataplane/test_fields.py::test_a_proxy_whose_two_dialects_disagree_is_refused",
            "tests/dataplane/test_forward_auth.py::test_only_a_trusted_proxy_may_ask",
            "tests/dataplane/test_forward_auth.py::test_the_fields_of_other_dialects_are_ignored",
            "tests/dataplane/test_forward_auth.py::test_a_malformed_question_is_never_interpreted_loosely",
        ),
    ),
    # Paths and hosts.
    Attack(
        10,
        ("oauth2-proxy CVE-2025-54576",),
        "`/private?x=/public`",
        "the rule of `/private`",
        runs=paths_and_hosts.a_query_is_no_path,
        tests=(
            "tests/pipeline/test_pipeline.py::test_an_expression_covers_whole_paths_and_never_a_query",
        ),
    ),
    Attack(
        11,
        ("oauth2-proxy CVE-2026-41059",),
        "`/public/x%23/../private`",
        "refused",
        runs=paths_and_hosts.a_fragment_is_none,
    ),
    Attack(
        12,
        (
            "heimdall CVE-2026-42274 (GO-2026-5097)",
            "heimdall CVE-2026-42272 (GO-2026-5108)",
            "heimdall CVE-2026-32811 (GO-2026-4742)",
        ),
        "`/user/../admin`, `%2e%2e`, `%2f` and `%2F`, to real servers too",
        "the rule of the path that the app serves, or 400",
        runs=paths_and_hosts.no_spelling_of_a_path_is_let_through,
        tests=(
            "tests/readers/test_paths.py::test_no_app_reads_a_path_that_is_denied",
            "tests/routing/test_table.py::test_no_spelling_of_a_guarded_path_escapes_its_route",
            "tests/routing/test_table.py::test_no_published_trick_escapes_its_route",
            "tests/dataplane/test_forward_auth.py::test_no_spelling_of_a_path_is_let_through",
            "tests/proxies/test_forward_auth.py::test_no_spelling_of_a_path_reaches_what_is_denied",
        ),
    ),
    Attack(
        13,
        ("Caddy CVE-2026-27587 (GO-2026-4538)", "Caddy CVE-2026-27588 (GO-2026-4541)"),
        "the paths and hosts of 10, 11, 12 and 14 at 10, 101 and 1,001 routes",
        "the same decisions",
        runs=paths_and_hosts.many_routes_judge_as_few,
        tests=(
            "tests/routing/test_table.py::test_the_index_finds_what_trying_each_route_would",
            "tests/routing/test_table.py::test_where_an_app_ignores_case_so_do_its_routes",
        ),
    ),
    Attack(
        14,
        (
            "heimdall CVE-2026-42273 (GO-2026-5200)",
            "authelia CVE-2026-48794",
            "tinyauth CVE-2026-77560",
        ),
        "`Host: APP.example.COM`, with a full stop behind it, with a port",
        "the rule of that host, or 421",
        runs=paths_and_hosts.a_host_has_one_rule,
        tests=("tests/dataplane/test_refusals.py::test_a_host_is_known_in_every_spelling",),
    ),
    Attack(
        15,
        (
            "Traefik CVE-2025-66490 (GO-2025-4206)",
            "Traefik CVE-2025-32431",
            "Traefik CVE-2025-47952",
            "Traefik CVE-2026-40912 (GO-2026-5180)",
            "Traefik CVE-2026-48020 (GO-2026-5752)",
            "Traefik CVE-2026-67309 (GO-2026-6207)",
            "Traefik CVE-2026-65600 (GO-2026-6208)",
        ),
        "a path from which stripping a prefix makes one that no rule has judged",
        "refused; what is sent is the rest of what was judged",
        runs=paths_and_hosts.stripping_makes_no_path_that_was_not_judged,
        tests=(
            "tests/mutate/test_relocation.py::test_what_is_sent_has_one_reading_which_is_the_rest_of_the_one_judged",
            "tests/dataplane/test_relocation.py::test_nginx_reads_the_path_that_is_left_and_no_other",
        ),
    ),
    # Sign-ins, sessions, tokens and keys.
    Attack(
        16,
        ("oathkeeper CVE-2026-33494", "oathkeeper CVE-2026-33495", "oathkeeper CVE-2026-33496"),
        "one opaque token where two issuers are asked, and on routes that ask for other scopes",
        "each issuer answers for itself, and scopes are compared at each request",
        runs=sessions_and_tokens.an_answer_about_a_token_is_of_its_issuer_and_route,
    ),
    Attack(
        17,
        ("authentik CVE-2026-25748",),
        "10,000 cookies with something changed, to the app and to the gateway's own endpoints",
        "never 2xx",
        tests=(
            "tests/dataplane/test_cookies.py::test_no_cookie_but_the_one_that_was_given_opens_anything",
            "tests/e2e/test_sign_out.py::test_a_cookie_that_is_not_what_was_given_is_nobody_and_hurts_nobody",
            "tests/dataplane/test_forward_auth.py::test_no_cookie_but_the_one_that_was_given_passes",
        ),
    ),
    Attack(
        18,
        ("oauth2-proxy CVE-2026-34454",),
        "the cookie of a session that was signed out, in each way there is",
        "nobody is signed in",
        tests=(
            "tests/e2e/test_sign_out.py::test_a_cookie_used_after_the_sign_out_is_nobody",
            "tests/e2e/test_sign_out.py::test_it_holds_everywhere_at_once",
            "tests/e2e/test_sign_out.py::test_a_sign_out_path_of_the_app_counts_on_a_public_route_too",
            "tests/endpoints/test_provider_logout.py::test_the_sessions_it_names_end_and_no_others",
            "tests/endpoints/test_provider_logout.py::test_a_frame_of_the_provider_signs_its_browser_out",
            "tests/endpoints/test_own_sessions.py::test_all_are_ended_and_nobody_elses",
        ),
    ),
    Attack(
        19,
        ("oauth2-proxy CVE-2026-34457",),
        "the user agents and paths of health checks on a protected path",
        "401",
        tests=(
            "tests/pipeline/test_pipeline.py::test_nothing_but_a_route_turns_authentication_off",
        ),
    ),
    Attack(
        20,
        ("oauth2-proxy CVE-2026-40574",),
        "`a@evil@corp.com` as the e-mail address that the provider names",
        "it is in no domain that is let in, and in each that is denied",
        tests=(
            "tests/authz/test_conditions.py::test_condition",
            "tests/message/test_mailbox.py::test_what_is_no_address",
            "tests/e2e/test_users.py::test_what_is_no_address_meets_every_deny_and_is_told_to_no_app",
        ),
    ),
    Attack(
        21,
        ("tinyauth CVE-2026-33544",),
        "200 sign-ins of 200 users at the same time",
        "each is who signed in",
        runs=sessions_and_tokens.two_hundred_sign_ins_at_once_are_two_hundred_users,
        tests=(
            "tests/endpoints/test_sign_in.py::test_nothing_of_a_sign_in_is_kept_in_the_gateway",
        ),
    ),
    Attack(
        22,
        ("tinyauth CVE-2026-32246", "Pocket ID GHSA-hp74 (GO-2026-6117)"),
        "a sign-in that is weaker, older or half done where a rule asks for `acr` or `max_age`",
        "they are asked again",
        runs=sessions_and_tokens.a_weak_sign_in_meets_no_strong_rule,
    ),
    Attack(
        23,
        ("tinyauth CVE-2026-77561",),
        "a flood of unknown keys and cookies from one address",
        "others sign in, and so does whoever is known at that address",
        runs=sessions_and_tokens.a_flood_of_unknown_keys_shuts_nobody_out,
        tests=(
            "tests/e2e/test_api_keys.py::test_right_keys_are_answered_amid_a_flood_of_wrong_ones_that_writes_nothing",
            "tests/e2e/test_tokens.py::test_guesses_are_throttled_and_those_who_are_known_are_not",
            "tests/e2e/test_local_accounts.py::test_a_flood_of_made_up_names_shuts_out_only_its_own_address",
            "tests/credentials/test_passwords.py::test_the_throttle_counts_failures_by_name_and_address",
        ),
    ),
    Attack(
        24,
        ("Pocket ID CVE-2026-28513 (GO-2026-4656)", "tinyauth CVE-2026-32245"),
        "a code of app A as app B, with the redirect URI of either",
        "refused",
        runs=sessions_and_tokens.a_code_is_of_one_app,
        tests=(
            "tests/e2e/test_tokens.py::test_a_code_that_comes_wrong_never_reaches_the_provider",
            "tests/e2e/test_authorize.py::test_a_code_of_another_client_gives_nothing",
            "tests/e2e/test_authorize.py::test_a_code_alone_gives_nothing",
        ),
    ),
    Attack(
        25,
        ("Pocket ID CVE-2026-28512 (GO-2026-4653)", "Pocket ID GHSA-2wvm"),
        "`https://good@evil/cb` as a way back, also where the sign-in fails",
        "no redirect leads there",
        runs=sessions_and_tokens.no_way_back_leads_elsewhere,
        tests=(
            "tests/settings/test_tokens.py::test_nobody_is_sent_a_code_there",
            "tests/credentials/test_redirects.py::test_nothing_but_the_port_is_free",
            "tests/message/test_return_to.py::test_no_published_payload_leaves_the_host",
            "tests/e2e/test_authorize.py::test_nobody_is_sent_where_no_client_is",
            "tests/e2e/test_client_documents.py::test_redirect_uris_are_those_of_the_document",
        ),
    ),
    Attack(
        26,
        ("Pocket ID CVE-2026-43983 (GO-2026-6119)",),
        "a refresh token of somebody who is locked out or has lost a group",
        "`invalid_grant`, and the access token is over",
        tests=(
            "tests/e2e/test_tokens.py::test_whoever_is_locked_out_at_the_provider_is_locked_out_here",
            "tests/e2e/test_tokens.py::test_a_group_that_is_taken_away_is_gone_from_every_token_with_a_refresh",
            "tests/e2e/test_tokens.py::test_what_the_provider_says_is_heard_while_the_app_is_used",
            "tests/credentials/test_key_owners.py::test_the_keys_of_an_owner_who_is_gone_are_dead",
            "tests/e2e/test_refresh.py::test_a_grant_that_is_over_ends_the_session_everywhere",
            "tests/e2e/test_accounts.py::test_a_disabled_account_renews_and_exchanges_nothing",
        ),
    ),
    Attack(
        27,
        ("authentik CVE-2025-53942", "authentik CVE-2025-64521", "authentik CVE-2025-64708"),
        "what has run out and still is in the store",
        "refused when it is read",
        tests=(
            "tests/sessions/test_manager.py::test_a_record_that_is_left_in_the_store_past_its_limits_opens_nothing",
            "tests/sessions/test_session.py::test_a_session_lives_within_both_limits",
            "tests/storage/test_contract.py::test_a_value_is_gone_at_the_end_of_its_lifetime",
            "tests/credentials/test_tokens.py::test_it_runs_out_at_its_time",
            "tests/authn/test_api_key.py::test_a_key_is_over_at_its_last_second",
        ),
    ),
    Attack(
        28,
        ("dex GHSA-7qjx (GO-2026-5231)",),
        "a token of provider B for an app of provider A",
        "refused",
        tests=(
            "tests/e2e/test_tokens.py::test_what_another_provider_issued_is_not_taken",
            "tests/e2e/test_tokens.py::test_only_its_own_users_tokens_are_taken",
        ),
    ),
    Attack(
        29,
        ("Traefik CVE-2026-71326 (GO-2026-6204)",),
        "two lists of parts that are alike when they are run together",
        "they are two keys, wherever answers or work are shared",
        tests=(
            "tests/test_structural_keys.py::test_another_split_of_two_parts_is_another_key",
            "tests/test_structural_keys.py::test_another_split_of_three_parts_is_another_key",
            "tests/test_structural_keys.py::test_a_signing_key_is_found_by_id_and_algorithm_each_for_itself",
            "tests/sealing/test_sealer.py::test_no_two_lists_of_parts_are_written_alike",
        ),
    ),
    Attack(
        30,
        ("mod_auth_openidc CVE-2025-31492",),
        "a request for something protected, without a good credential, in every way",
        "the body of each 401 and 302 is the gateway's only, and the app is not asked",
        runs=http_messages.an_answer_for_nobody_holds_nothing_of_the_app,
    ),
    Attack(
        31,
        ("Envoy CVE-2026-47775",),
        "a cookie with each byte changed",
        "one answer to all of them",
        tests=(
            "tests/endpoints/test_sign_in.py::test_a_sealed_cookie_with_a_byte_flipped_has_one_answer",
            "tests/endpoints/test_sign_in.py::test_a_session_cookie_with_a_byte_flipped_has_one_answer",
            "tests/sealing/test_sealer.py::test_every_changed_bit_is_noticed",
        ),
    ),
    Attack(
        32,
        ("Envoy CVE-2026-47774",),
        "5,000 cookies, and a megabyte of them",
        "eight look-ups at most, and 431",
        tests=(
            "tests/dataplane/test_cookies.py::test_thousands_of_cookies_cost_few_questions_to_the_store",
            "tests/dataplane/test_cookies.py::test_a_cookie_field_of_a_megabyte_is_refused",
        ),
    ),
    Attack(
        33,
        ("authelia CVE-2025-24806", "authelia CVE-2026-47203"),
        "one user under several names",
        "one counter and one account",
        tests=(
            "tests/accounts/test_owner.py::test_names_that_an_app_could_take_for_one_are_one",
            "tests/e2e/test_rate_limit.py::test_each_user_has_a_rate_wherever_they_come_from",
            "tests/e2e/test_local_accounts.py::test_wrong_passwords_are_throttled_and_strangers_lock_nobody_out",
            "tests/credentials/test_passwords.py::test_the_throttle_counts_failures_by_name_and_address",
        ),
    ),
    # HTTP.
    Attack(
        34,
        ("Traefik CVE-2026-71324 (GO-2026-6201)",),
        "CONNECT with a body on a connection that is kept; an app that answers before the body",
        "the connection is closed; the one to the app is not used again",
        runs=http_messages.connect_opens_nothing,
        tests=(
            "tests/dataplane/test_pool.py::test_an_app_that_answers_before_the_body_is_not_asked_again_on_that_connection",
            "tests/dataplane/test_pool.py::test_an_app_that_answers_instead_of_100_is_not_asked_again_on_that_connection",
            "tests/readers/test_steps.py::test_a_client_that_leaves_amid_its_body_takes_the_connection_along",
        ),
    ),
    Attack(
        35,
        ("Envoy CVE-2025-64763",),
        "bytes behind a request for an upgrade, which the app declines",
        "they wait for the answer, and are a request of their own",
        tests=(
            "tests/dataplane/test_pool.py::test_what_follows_an_upgrade_waits_for_its_answer",
            "tests/dataplane/test_pool.py::test_a_connection_on_which_an_upgrade_was_declined_is_not_used_again",
        ),
    ),
    Attack(
        36,
        ("aiohttp GHSA-mfx4-hv73-q22v",),
        "an upgrade with a body, to real servers too",
        "the upgrade does not go on, and the body is never another request",
        tests=(
            "tests/dataplane/test_pool.py::test_a_request_with_a_body_asks_for_no_upgrade",
            "tests/readers/test_steps.py::test_a_body_is_never_the_next_request",
        ),
    ),
    Attack(
        37,
        (
            "aiohttp CVE-2026-34525",
            "aiohttp CVE-2026-22815",
            "aiohttp CVE-2025-53643",
            "aiohttp CVE-2026-34520",
            "aiohttp GHSA-cq5v-8q36-5273",
            "aiohttp CVE-2026-59881",
            "aiohttp CVE-2026-54279",
        ),
        "two hosts, trailers without end, controls in fields, malformed chunks, from either side",
        "400 or 502; frames and cookies go on as they were sent",
        runs=http_messages.no_library_with_a_known_hole_may_be_installed,
        tests=(
            "tests/dataplane/test_refusals.py::test_what_is_not_plainly_one_request_is_400_and_the_connection_closes",
            "tests/dataplane/test_refusals.py::test_chunks_that_can_be_read_apart_are_refused_and_never_end_upstream",
            "tests/dataplane/test_refusals.py::test_trailers_are_no_more_than_fields_may_be",
            "tests/dataplane/test_upstream_answers.py::test_a_head_that_is_none_is_502_and_nothing_of_it_is_passed_on",
            "tests/dataplane/test_upstream_answers.py::test_a_body_that_breaks_off_is_broken_for_the_client_too",
            "tests/dataplane/test_differential.py::test_whatever_an_app_sends_the_client_gets_clean_bytes",
            "tests/dataplane/test_tunnels.py::test_any_protocol_is_passed_as_raw_bytes",
            "tests/mutate/test_cookies.py::test_another_name_keeps_everything_else",
            "tests/oidc/test_http.py::test_cookies_are_not_kept",
        ),
    ),
    Attack(
        38,
        ("Traefik CVE-2026-26998 (GO-2026-4593)", "Envoy Gateway CVE-2026-53716"),
        "answers of a provider without end, packed a thousandfold, and byte by byte",
        "a megabyte and some seconds at most, then 503",
        runs=http_messages.what_a_provider_answers_is_capped,
        tests=(
            "tests/oidc/test_http.py::test_a_body_has_an_end",
            "tests/oidc/test_provider.py::test_a_provider_that_does_not_answer_properly_is_unavailable",
        ),
    ),
    Attack(
        39,
        ("Traefik CVE-2026-41181 (GO-2026-5532)",),
        "Authorization and Cookie, where something else than the app is asked for a page",
        "no credential goes there",
        tests=(
            "tests/endpoints/test_refreshes.py::test_the_token_of_an_app_that_moved_is_not_sent_to_its_new_provider",
            "tests/accounts/test_http_hook.py::test_no_credential_of_the_person_goes_along",
        ),
        later=(PAGES,),
    ),
    Attack(
        40,
        ("Traefik CVE-2026-32595", "Traefik CVE-2026-41263"),
        "names of users that exist and that do not",
        "one answer, after the same work",
        tests=(
            "tests/credentials/test_passwords.py::test_unknown_and_known_names_cost_the_same",
            "tests/credentials/test_passwords.py::test_the_same_work_is_done_for_a_name_that_nobody_has",
            "tests/e2e/test_local_accounts.py::test_a_wrong_name_and_a_wrong_password_look_the_same",
        ),
    ),
    Attack(
        41,
        ("Traefik CVE-2026-54762 (GO-2026-5128)", "Caddy CVE-2026-27586 (GO-2026-4539)"),
        "a secret, key or authority that is missing or unreadable, at the start and at a reload",
        "it does not start, and the last good configuration stays",
        tests=(
            "tests/settings/test_files.py::test_a_file_without_a_certificate_is_an_error_with_its_place",
            "tests/settings/test_files.py::test_a_key_that_signs_nothing_is_an_error_with_its_place",
            "tests/settings/test_load.py::test_a_secret_file_without_a_secret_is_an_error",
            "tests/e2e/test_tls.py::test_without_certificate_key_or_authorities_nothing_starts",
            "tests/e2e/test_tls.py::test_a_file_that_holds_nothing_is_reported_with_its_place_and_not_taken",
            "tests/e2e/test_reload.py::test_without_a_secret_or_authorities_the_last_good_configuration_stays",
        ),
    ),
    Attack(
        42,
        ("Traefik CVE-2026-53622", "Traefik CVE-2026-48491", "Traefik CVE-2026-32305"),
        "a TLS name that is not the host asked for",
        "421 where their TLS settings differ",
        later=(TLS_BY_HOST,),
        note="There is one TLS setting for all hosts, so no name can choose a weaker one.",
    ),
    Attack(
        43,
        (
            "Caddy CVE-2026-27589",
            "Caddy GHSA-gx7w",
            "Caddy CVE-2026-45692",
            "Envoy Gateway CVE-2025-24030",
        ),
        "a POST from a page of another site, and paths that only begin like an endpoint's",
        "refused; the admin listener changes nothing",
        tests=(
            "tests/server/test_admin.py::test_a_page_that_has_its_own_name_lead_here_learns_nothing",
            "tests/server/test_admin.py::test_paths_are_exact",
            "tests/endpoints/test_strict.py::test_a_parameter_nobody_knows_is_refused_and_nothing_ends",
            "tests/endpoints/test_strict.py::test_a_body_nobody_asked_for_is_refused_and_nothing_ends",
            "tests/endpoints/test_strict.py::test_an_id_is_whole_or_nothing",
            "tests/endpoints/test_strict.py::test_a_form_of_another_type_is_415",
            "tests/endpoints/test_own_sessions.py::test_only_our_own_pages_end_anything",
            "tests/endpoints/test_logout.py::test_only_our_own_pages_sign_anybody_out",
            "tests/routing/test_table.py::test_a_configured_route_cannot_take_the_reserved_prefix",
        ),
    ),
    Attack(
        44,
        ("Envoy Gateway CVE-2025-25294",),
        "line ends, quotes and U+2028 in a path, a user agent and claims",
        "one line of JSON",
        tests=(
            "tests/record/test_audit.py::test_no_mark_ends_a_line_or_commands_a_terminal",
            "tests/record/test_audit.py::test_nothing_in_a_path_makes_another_line",
            "tests/record/test_audit.py::test_nothing_in_a_name_makes_another_line_or_member",
            "tests/cli/test_logs.py::test_nothing_in_a_message_makes_another_line",
        ),
    ),
    Attack(
        45,
        ("Teleport CVE-2025-49825",),
        "a certificate within a certificate",
        "refused",
        later=(TLS_BY_HOST,),
        note="Its details are not public. Gatepost takes no certificate as a credential.",
    ),
    Attack(
        46,
        ("Envoy AI Gateway GHSA-4gph (GO-2026-5121)",),
        "JSON-RPC that the gateway and the MCP server read otherwise",
        "refused where a rule depends on it",
        tests=(
            "tests/message/test_json_rpc.py::test_what_two_servers_could_read_differently_is_refused",
            "tests/message/test_json_rpc.py::test_fields_that_say_something_else_are_refused",
            "tests/dataplane/test_mcp.py::test_a_deny_that_meets_one_message_refuses_the_batch",
            "tests/dataplane/test_mcp.py::test_what_cannot_be_judged_is_refused_whoever_asks",
        ),
    ),
)
