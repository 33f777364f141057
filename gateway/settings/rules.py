"""The kinds of findings about a configuration: their ids never change."""

from collections.abc import Mapping

# Each with what it is about, in the order of docs/policy-tests.md.
ERRORS: Mapping[str, str] = {
    "invalid-yaml": "The file is not YAML that the gateway reads.",
    "invalid-configuration": "The configuration cannot be served.",
    "invalid-value": "A value is not one that the setting takes.",
    "unknown-setting": "A setting or condition has a name that does not exist.",
    "missing-setting": "A required setting is missing.",
    "repeated-setting": "A setting is written twice in one mapping.",
    "conflicting-settings": "Two settings do not fit together, or one names what does not exist.",
    "unreachable-route": "Earlier routes take all requests of a route.",
    "unset-variable": "The file names an environment variable that is not set.",
    "unreadable-file": "A file cannot be read, or is not what it should be.",
    "failed-test": "A policy test does not get what it expects.",
}
WARNINGS: Mapping[str, str] = {
    "impossible-condition": "An item of allow or deny can never match.",
    "overruled-allow": "A deny refuses everything that an item of allow lets in.",
    "redundant-condition": "Another item already covers everything that an item matches.",
    "public-above-stricter": "A public route takes paths that a later, stricter route names.",
    "open-to-everyone": "A public route takes every remaining path.",
    "uncovered-paths": "Some paths have no route, so they are not found.",
    "any-provider": "Users of any provider can meet a condition.",
    "name-never-given": "No provider gives a group or role of this name.",
    "page-not-judged": "A question in oauth2-proxy's form is judged by one route for every page.",
    "message-not-judged": "A proxy that asks does not send the message that a rule is about.",
    "message-beside-rules": "Another spelling of a path evades the rules about messages.",
    "foreign-credentials": "Foreign credentials reach more or less of the app than it seems.",
    "other-proxy-form": "A value is in the form of another proxy, and is compared literally.",
    "costly-regex": "A client can make a regular expression take for ever.",
    "slow-regex": "A regular expression says the same as a prefix.",
    "no-effect": "A setting has no effect.",
    "insecure-transport": "Something secret or personal is sent unencrypted.",
    "unverified-certificate": "Any certificate is accepted.",
    "secret-exposed": "A secret can be read by more users than need it.",
    "no-client-secret": "A provider has no client secret and is not marked as public.",
    "unverified-email": "Unverified e-mail addresses are accepted.",
    "key-never-expires": "An API key never expires.",
    "claimable-redirect": "Any app can claim a redirect URI.",
    "private-addresses": "Clients can have the gateway call hosts of its own network.",
    "trusts-everyone": "Every client can set its own address.",
    "forgeable-fields": "Clients can send fields that apps trust.",
    "admin-exposed": "Other machines reach the admin listener.",
    "shared-app-cookies": "The next user of a browser can be taken for the previous one.",
    "sibling-hosts": "Hosts can set each other's session cookie.",
    "data-dir": "The data directory cannot be written by this user.",
}
NOTES: Mapping[str, str] = {
    "untested-route": "No policy test reaches a route.",
    "untested-condition": "No policy test is decided by an item of allow or deny.",
}
RULES: Mapping[str, str] = {**ERRORS, **WARNINGS, **NOTES}
