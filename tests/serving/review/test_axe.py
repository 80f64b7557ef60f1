"""axe-core finds nothing to complain of on any page: the review page's, the atlas', and that of an explanation."""

from importlib import resources

import pytest

from tests.components.atlas.conftest import study
from tests.components.relevance.test_page import PAGES as EXPLANATIONS
from tests.serving.review.browser import Browser
from tests.serving.review.test_browser import PAGES, write_captions
from topiclens.components.atlas.pages import write_atlas
from topiclens.serving.asgi import ServerThread, build_server, open_socket
from topiclens.serving.review.access import Access
from topiclens.serving.review.app import create_app

ATLAS = ("index", "topic-0", "topic-1", "topic-2", "neuron-0", "neuron-7")
VIOLATIONS = (
    "axe.run(document).then(found => found.violations.map(v => [v.id, v.help, v.nodes.map(n => n.html.slice(0, 150))]))"
)


@pytest.fixture(scope="module")
def axe():
    pytest.importorskip("axe_core_python")
    return (resources.files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_violation(backend, tmp_path, axe, dark):
    write_atlas(tmp_path / "atlas", study().atlas)
    backend.propose("stage", [1, 3], "ada")
    write_captions(backend)
    backend.start_refinement("ada")
    backend.finish(culprits=[backend.corrections()[0].id])
    job = backend.latest_job().id
    app = create_app(backend, Access.on_loopback("ada"), atlas=str(tmp_path / "atlas"))
    server = ServerThread(build_server(app, connections=50), open_socket("127.0.0.1", 0))
    of_refinements = (f"/refinements?id={job}", f"/refinements/cancel?id={job}")
    addresses = [
        f"http://127.0.0.1:{server.port}{path}"
        for path in (*PAGES, *of_refinements, *(f"/atlas/{name}.html" for name in ATLAS))
    ]
    for number, make in enumerate(EXPLANATIONS.values()):
        page = tmp_path / f"explanation-{number}.html"
        page.write_text(make(), encoding="utf-8")
        addresses.append(page.as_uri())
    try:
        with Browser(dark=dark) as window:
            for address in addresses:
                window.go(address)
                window.run(f"{axe}; 1")
                assert window.run(VIOLATIONS) == [], address
            window.go("about:blank")
    finally:
        server.stop(grace=30)
