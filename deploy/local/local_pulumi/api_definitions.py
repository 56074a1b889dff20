"""Environments: create, list, read, write, clone, delete and restore, and what is told of one."""

from typing import Any

from esc_operator.lang.document import parse_text
from local_https import Answer
from local_pulumi.access import matches
from local_pulumi.calls import EMPTY, NO_CONTENT, Call, stamp, user_info
from local_pulumi.environments import Environment, Revision, check_name
from local_pulumi.evaluation import Subject
from local_pulumi.refusals import bad_request, conflict, invalid_definition, not_found, not_permitted
from local_pulumi.sealing import decrypt, encrypt, in_both_forms

YAML = "application/x-yaml"


# Listing


def list_all(call: Call) -> Answer:
    token = call.token
    assert token is not None
    wanted = call.query.get("organization") or token.organization
    return _page(call, [one for one in call.cloud.environments_of(token.organization) if wanted == one.organization])


def list_of_organization(call: Call) -> Answer:
    return _page(call, list(call.cloud.environments_of(call.organization)))


def list_deleted(call: Call) -> Answer:
    return _page(call, [one for one in call.cloud.deleted if one.organization == call.organization])


def list_tags_of_organization(call: Call) -> Answer:
    found: dict[str, set[str]] = {}
    for environment in call.cloud.environments_of(call.organization):
        for tag in environment.tags.values():
            found.setdefault(tag.name, set()).add(str(tag.value))
    return Answer({name: sorted(values) for name, values in sorted(found.items())})


def _page(call: Call, environments: list[Environment]) -> Answer:
    """A page of what the token is for; the continuation token is where the next page begins."""
    token = call.token
    assert token is not None
    readable = [one for one in environments if matches(token.environments, one.name)]
    begin = _offset(call.query.get("continuationToken", ""))
    size = min(call.number("maxResults") or call.cloud.settings.page_size, call.cloud.settings.page_size)
    following = f"c{begin + size}" if begin + size < len(readable) else ""
    return Answer({"environments": [_shown(one) for one in readable[begin : begin + size]], "nextToken": following})


def _offset(token: str) -> int:
    if not token:
        return 0
    if not (token[0] == "c" and token[1:].isascii() and token[1:].isdigit() and len(token) < 12):
        raise bad_request("invalid continuation token")
    return int(token[1:])


def _shown(environment: Environment) -> dict[str, Any]:
    project, _, name = environment.name.partition("/")
    shown = {
        "id": environment.id,
        "organization": environment.organization,
        "project": project,
        "name": name,
        "created": stamp(environment.created),
        "modified": stamp(environment.latest.created),
        "ownedBy": user_info(environment.owner),
        "settings": {"deletionProtected": environment.deletion_protected},
        "tags": {tag.name: tag.value for tag in environment.tags.values()},
        "referrerMetadata": {
            "environmentReferrerCount": 0,
            "insightsAccountReferrerCount": 0,
            "stackReferrerCount": 0,
        },
    }
    if environment.deleted_at is not None:
        shown["deletedAt"] = stamp(environment.deleted_at)
    return shown


# One environment


def create(call: Call) -> Answer:
    given = call.content(project=(str, False), name=(str, True))
    _create(call, f"{given['project'] or 'default'}/{given['name']}")
    return EMPTY


def _create(call: Call, name: str) -> Environment:
    if call.token is not None and not call.token.may("write", name):
        raise not_permitted("write", f"{call.organization}/{name}")
    return call.cloud.create(call.organization, name, call.login)


def read(call: Call) -> Answer:
    revision = call.environment.resolve(call.version)
    return Answer(revision.sealed, headers=_headers(revision) | {"Content-Type": YAML})


def read_decrypted(call: Call) -> Answer:
    revision = call.environment.resolve(call.version)
    return Answer(revision.plain, headers=_headers(revision) | {"Content-Type": YAML})


def head(call: Call) -> Answer:
    return Answer(None, headers=_headers(call.environment.latest) | {"Content-Type": "application/json"})


def update(call: Call) -> Answer:
    environment, text = call.environment, call.text
    # Pulumi's own command sends the etag in a header of that name; the description has If-Match.
    wanted = (call.headers.get("etag") or call.headers.get("if-match") or "").strip('"')
    _, plain = in_both_forms(environment.name, text)
    subject = Subject(call.organization, environment.name, 0, plain, call.login)
    renderer = call.cloud.renderer(subject)
    result = call.cloud.evaluations.check(subject)
    if not result.ok:
        raise invalid_definition(renderer.diagnostics(result.diagnostics))
    with call.cloud.lock:
        if wanted and wanted != environment.latest.etag:
            raise conflict("the environment has changed since it was read")
        revision = call.cloud.write(environment, text, call.login)
    return Answer({"diagnostics": renderer.diagnostics(result.diagnostics)}, headers=_headers(revision))


def delete(call: Call) -> Answer:
    environment = call.environment
    if environment.deletion_protected:
        raise conflict(f"environment '{environment.full_name}' is protected from deletion")
    del call.cloud.environments[call.organization, environment.name]
    environment.deleted_at = call.cloud.now()
    call.cloud.deleted.append(environment)
    return EMPTY


def restore(call: Call) -> Answer:
    given = call.content(project=(str, True), name=(str, True), deletionTimestamp=(str, True))
    name = f"{given['project']}/{given['name']}"
    for environment in call.cloud.deleted:
        deleted_at = environment.deleted_at
        if (environment.organization, environment.name) != (call.organization, name) or deleted_at is None:
            continue
        if stamp(deleted_at) == given["deletionTimestamp"] and call.cloud.find(call.organization, name) is None:
            environment.deleted_at = None
            call.cloud.deleted.remove(environment)
            call.cloud.environments[call.organization, name] = environment
            return NO_CONTENT
    raise not_found(f"deleted environment '{call.organization}/{name}'")


def clone(call: Call) -> Answer:
    given = call.content(
        project=(str, False),
        name=(str, True),
        version=(int, False),
        preserveHistory=(bool, False),
        preserveAccess=(bool, False),
        preserveEnvironmentTags=(bool, False),
        preserveRevisionTags=(bool, False),
    )
    source = call.environment
    revision = source.resolve(str(given["version"] or ""))
    made = _create(call, f"{given['project'] or call.parts['project']}/{given['name']}")
    if given["preserveHistory"]:
        made.revisions = source.revisions[: revision.number]
        if given["preserveRevisionTags"]:
            kept = (tag for tag in source.revision_tags.values() if int(tag.value) <= revision.number)
            made.revision_tags = {tag.name: tag for tag in kept}
    else:
        made.revisions.clear()
        made.revise(revision.sealed, revision.plain, call.cloud.now(), call.login)
    if given["preserveEnvironmentTags"]:
        made.tags = dict(source.tags)
    return NO_CONTENT


def read_settings(call: Call) -> Answer:
    return Answer({"deletionProtected": call.environment.deletion_protected})


def change_settings(call: Call) -> Answer:
    given = call.content(deletionProtected=(bool, False))
    if given["deletionProtected"] is not None:
        call.environment.deletion_protected = given["deletionProtected"]
    return EMPTY


def metadata(call: Call) -> Answer:
    environment = call.environment
    owner = user_info(environment.owner)
    return Answer({"id": environment.id, "ownedBy": owner, "gatedActions": [], "openRequestNeeded": False})


def reassign_ownership(call: Call) -> Answer:
    given = call.content(githubLogin=(str, True), name=(str, False), avatarUrl=(str, False), email=(str, False))
    environment = call.environment
    check_name("a user", given["githubLogin"])
    if given["githubLogin"] not in call.cloud.organization(call.organization).members:
        raise bad_request(f"'{given['githubLogin']}' is no member of organization '{call.organization}'")
    previous, environment.owner = environment.owner, given["githubLogin"]
    return Answer(user_info(previous))


def referrers(call: Call) -> Answer:
    """The environments whose latest revision imports it, or all of whose revisions are looked at."""
    call.number("count")
    call.flag("latestStackVersionOnly")
    revision = call.environment.resolve(call.version)
    found = []
    for other in call.cloud.environments_of(call.organization):
        for one in other.revisions if call.flag("allRevisions") else other.revisions[-1:]:
            if _imports(other, one, call.environment, revision):
                project, _, name = other.name.partition("/")
                found.append({"environment": {"project": project, "name": name, "revision": one.number}})
    return Answer({"referrers": {"latest": found} if found else {}})


def _imports(importer: Environment, revision: Revision, imported: Environment, wanted: Revision) -> bool:
    parsed, _ = parse_text(importer.name, revision.plain)
    for one in parsed.imports if parsed else ():
        name, _, version = (one.name or "").partition("@")
        project = importer.name.partition("/")[0]
        if name in (imported.name, imported.full_name) or f"{project}/{name}" == imported.name:
            return version in ("", "latest") or version in (str(wanted.number), *imported.tags_of(wanted.number))
    return False


def encrypt_secrets(call: Call) -> Answer:
    assert call.environment
    plaintexts = _texts(call.content(plaintexts=(list, True))["plaintexts"])
    return Answer({"ciphertexts": [encrypt(text) for text in plaintexts]})


def decrypt_secrets(call: Call) -> Answer:
    assert call.environment
    ciphertexts = _texts(call.content(ciphertexts=(list, True))["ciphertexts"])
    return Answer({"plaintexts": [decrypt(text) for text in ciphertexts]})


def _texts(given: list[Any]) -> list[str]:
    if not all(isinstance(text, str) for text in given):
        raise bad_request("a list of strings is expected")
    return given


def _headers(revision: Revision) -> dict[str, str]:
    return {"ETag": revision.etag, "Pulumi-ESC-Revision": str(revision.number)}
