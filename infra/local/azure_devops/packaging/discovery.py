"""What a client finds its way by: the service index, registrations and search."""

from __future__ import annotations

from itertools import groupby

from infra.local.azure_devops.errors import not_found
from infra.local.azure_devops.packaging.feeds import Feed, feed_of, package_not_found, version_of
from infra.local.azure_devops.routing import Answer, Call, Route
from infra.local.emulation.state import Json


async def service_index(call: Call) -> Answer:
    url = feed_of(call).url
    resources = {
        "PackagePublish/2.0.0": f"{url}/v2/",
        "PackageBaseAddress/3.0.0": f"{url}/v3/flat2/",
        "RegistrationsBaseUrl/3.6.0": f"{url}/v3/registrations2-semver2/",
        "SearchQueryService": f"{url}/v3/query2/",
        "SearchQueryService/3.0.0-beta": f"{url}/v3/query2/",
    }
    listed = [{"@id": address, "@type": kind} for kind, address in resources.items()]
    return Answer(200, {"version": "3.0.0", "resources": listed})


async def registration_index(call: Call) -> Answer:
    feed, package_id = feed_of(call), call.params["id"]
    found = feed.versions(package_id)
    if not found:
        raise not_found("PackageNotFoundException", f"The feed '{feed.name}' has no package '{package_id}'.")
    url = f"{_registration(feed, package_id)}/index.json"
    page = {
        "@id": f"{url}#page",
        "@type": "catalog:CatalogPage",
        "count": len(found),
        "lower": version_of(found[0]).normalized,
        "upper": version_of(found[-1]).normalized,
        "items": [_leaf(feed, package) for package in found],
    }
    return Answer(200, {"@id": url, "@type": ["catalog:CatalogRoot"], "count": 1, "items": [page]})


async def registration_leaf(call: Call) -> Answer:
    feed, version = feed_of(call), call.params["leaf"]
    if not version.lower().endswith(".json"):
        raise package_not_found(feed.name, call.params["id"], version)
    package = feed.version(call.params["id"], version[: -len(".json")])
    return Answer(
        200, {**_leaf(feed, package), "listed": package["listed"], "published": package["published"]}
    )


async def search(call: Call) -> Answer:
    """Listed packages whose id or description has the words; the newest version speaks for a package."""
    feed = feed_of(call)
    words = call.query.get("q", "").lower().split()
    shown = [
        package
        for package in feed.packages()
        if package["listed"] and (call.flag("prerelease") or not version_of(package).is_prerelease)
    ]
    results = []
    for _, group in groupby(shown, key=lambda package: str(package["id"]).lower()):
        versions = list(group)
        text = f"{versions[-1]['id']} {versions[-1]['description']}".lower()
        if all(word in text for word in words):
            results.append(_result(feed, versions))
    skip, take = call.number("skip", default=0), call.number("take", default=20)
    return Answer(200, {"totalHits": len(results), "data": results[skip : skip + take]})


def _registration(feed: Feed, package_id: str) -> str:
    return f"{feed.url}/v3/registrations2-semver2/{package_id.lower()}"


def _leaf_url(feed: Feed, package: Json) -> str:
    return f"{_registration(feed, package['id'])}/{version_of(package).key}.json"


def _leaf(feed: Feed, package: Json) -> Json:
    name, key = package["id"].lower(), version_of(package).key
    content = f"{feed.url}/v3/flat2/{name}/{key}/{name}.{key}.nupkg"
    entry = {
        "@id": f"{_leaf_url(feed, package)}#entry",
        "@type": "PackageDetails",
        "id": package["id"],
        "version": package["version"],
        "authors": package["authors"],
        "description": package["description"],
        "listed": package["listed"],
        "published": package["published"],
        "packageContent": content,
        "packageHash": package["sha512"],
        "packageHashAlgorithm": "SHA512",
        "packageSize": package["size"],
    }
    return {
        "@id": _leaf_url(feed, package),
        "@type": "Package",
        "catalogEntry": entry,
        "packageContent": content,
        "registration": f"{_registration(feed, package['id'])}/index.json",
    }


def _result(feed: Feed, versions: list[Json]) -> Json:
    newest = versions[-1]
    return {
        "@type": "Package",
        "id": newest["id"],
        "version": newest["version"],
        "description": newest["description"],
        "authors": [newest["authors"]],
        "registration": f"{_registration(feed, newest['id'])}/index.json",
        "versions": [
            {"version": package["version"], "downloads": 0, "@id": _leaf_url(feed, package)}
            for package in versions
        ],
    }


_V3 = "/{org}[/{project}]/_packaging/{feed}/nuget/v3"
_REGISTRATION = _V3 + "/registrations2-semver2/{id}"

ROUTES = [
    Route("GET", _V3 + "/index.json", service_index),
    Route("GET", _REGISTRATION + "/index.json", registration_index),
    Route("GET", _REGISTRATION + "/{leaf}", registration_leaf),
    Route("GET", _V3 + "/query2[/]", search),
]
