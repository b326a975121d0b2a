"""The gallery as a reader meets it: a real Chromium, real keys, from file://, with every name hostile."""

import json
import time

import pytest

from jobs.report.gallery import gallery
from tests.support.data.gallery_rows import HOSTILE, commit, composition, cutout, failed, hostile
from tests.support.processes.chromium import CHROMIUM, chromium

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

NAME = "(button => data.tiles.find(tile => tile.button === button)?.id.slice(-2))"
IDS = f"[...document.querySelectorAll('#grid .tile')].map{NAME}.join(' ')"
FOCUSED = f"{NAME}(document.activeElement)"
OPEN = "document.getElementById('detail').open"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery")
    rows = [composition(index, ("dog", "mug") if index % 2 else ("dog", "cat")) for index in range(7)]
    gallery(commit(folder / "set", rows, [failed(8)]), folder / "page.html")
    return (folder / "page.html").as_uri()


@pytest.fixture
def fresh(browser, page):
    """The page with no ratings kept."""
    browser.open(page)
    if browser.js("ratings.size"):
        browser.js("localStorage.clear()")
        browser.open(page)
    return browser


def choose(browser, field, value):
    browser.js(
        f"(e => {{ e.value = {json.dumps(value)}; for (const kind of ['input', 'change']) "
        f"e.dispatchEvent(new Event(kind)) }})(document.getElementById('{field}'))"
    )


def complaints(browser):
    kinds = ("Runtime.exceptionThrown", "Page.javascriptDialogOpening", "Log.entryAdded", "Runtime.consoleAPICalled")
    return [event for event in browser.events if event["method"] in kinds]


def test_every_image_is_drawn_and_nothing_is_loaded_from_elsewhere(fresh, page):
    fresh.until("[...document.images].every(i => i.complete && i.naturalWidth > 0) && document.images.length === 7")
    asked = [e["params"]["request"]["url"] for e in fresh.events if e["method"] == "Network.requestWillBeSent"]
    assert {url for url in asked if not url.startswith("data:")} == {page}
    assert complaints(fresh) == []


@pytest.mark.parametrize("rows", [[hostile(0), hostile(1)], [cutout(0)]], ids=["compositions", "cut-outs"])
def test_hostile_names_stay_text(browser, tmp_path, rows):
    uri = commit(tmp_path / "<img src=x onerror=alert(3)>", rows, [failed(8, HOSTILE)])
    gallery(uri, tmp_path / "page.html")
    browser.open((tmp_path / "page.html").as_uri() + "#sample=0000000000")
    browser.until(OPEN)
    browser.key("b", "m", "c")
    assert browser.js("document.title") == "<img src=x onerror=alert(3)>"
    assert (
        browser.js("document.querySelectorAll('[onerror], img[src=x], script').length") == 2
    )  # the page's own scripts
    assert HOSTILE in browser.js("document.getElementById('failed').textContent")
    if len(rows) == 2:
        assert browser.js("document.getElementById('detail-caption').textContent") == HOSTILE
    assert complaints(browser) == []


def test_tiles_sort_by_a_score_either_way(fresh):
    assert fresh.js(IDS) == "00 01 02 03 04 05 06"
    choose(fresh, "sort", "seam")
    assert fresh.js(IDS) == "06 05 04 03 02 01 00"
    fresh.js("document.getElementById('direction').click()")
    assert fresh.js(IDS) == "00 01 02 03 04 05 06"
    choose(fresh, "sort", "identity_psnr")
    assert fresh.js(IDS) == "06 05 04 03 02 01 00"
    assert fresh.js("document.querySelector('.numbers .lead').textContent") == "identity 46.0 dB"


def test_tiles_are_filtered_by_status_scene_concepts_and_text(fresh):
    press = "document.querySelector('#statuses [value={}]').click()"
    fresh.js(press.format("rejected"))
    assert fresh.js(IDS) == "02 05"
    fresh.js(press.format("failed"))
    assert fresh.js(IDS) == ""
    assert "CUTOUT_EMPTY" in fresh.js("document.getElementById('failed').innerText")
    fresh.js(press.format("all"))
    choose(fresh, "scene", "table")
    assert fresh.js(IDS) == "00 02 04 06"
    choose(fresh, "scene", "")
    fresh.js("for (const box of document.querySelectorAll('#concept-choices input')) "
             "if (['dog', 'mug'].includes(box.nextSibling.textContent)) box.click()")  # fmt: skip
    assert fresh.js(IDS) == "01 03 05"
    choose(fresh, "query", "NUMBER 3")
    assert fresh.js(IDS) == "03"
    choose(fresh, "query", "nobody")
    fresh.js("document.getElementById('reset').click()")
    assert fresh.js(IDS) == "00 01 02 03 04 05 06"


def test_the_head_shows_how_scores_are_spread_and_what_was_rejected(fresh):
    told = fresh.js("[...document.querySelectorAll('#spreads svg')].map(e => e.getAttribute('aria-label')).join('; ')")
    assert told.startswith("identity PSNR, lowest object: 40.0 dB to 46.0 dB, median 43.0 dB; ")
    assert "seam contrast: 0.440 to 0.500, median 0.470" in told
    bars = "[...document.querySelectorAll('#spreads li:nth-child(3) {}')]"
    tall = bars + ".reduce((sum, bar) => sum + Number(bar.getAttribute('height')), 0)"
    assert fresh.js(tall.format(".good")) == 5 * 56  # a bin for each tile
    assert fresh.js(tall.format(".bad")) == 2 * 56
    assert fresh.js("document.getElementById('reasons').innerText.replace(/\\s+/g, ' ').trim()") == "seam too high 2"
    press = "document.querySelector('#reasons button').click()"
    fresh.js(press)
    assert fresh.js(IDS) == "02 05"
    assert fresh.js("document.querySelector('#reasons button').getAttribute('aria-pressed')") == "true"
    fresh.js(press)
    assert fresh.js(IDS) == "00 01 02 03 04 05 06"
    fresh.js("document.querySelector('#spreads li:nth-child(3) button').click()")
    assert fresh.js(IDS) == "06 05 04 03 02 01 00"


def test_the_keyboard_moves_opens_closes_and_brings_focus_back(fresh):
    fresh.js("document.querySelector('.tile').focus()")
    fresh.key("ArrowRight", "ArrowRight", "ArrowLeft")
    assert fresh.js(FOCUSED) == "01"
    fresh.key("ArrowDown")
    assert fresh.js(FOCUSED) == "06"  # five in a row at 1440 pixels
    fresh.key("ArrowUp", "Enter")
    fresh.until(OPEN)
    assert fresh.js("location.hash") == "#sample=0000000001"
    fresh.key("ArrowRight")
    assert fresh.js("document.getElementById('position').textContent") == "3 of 7"
    fresh.key("Escape")
    fresh.until(f"{FOCUSED} === '02' && !{OPEN}")
    assert fresh.js("location.hash") == ""


def test_an_address_with_a_sample_opens_it_with_its_lineage(browser, page):
    browser.open(page + "#sample=0000000003")
    browser.until(OPEN)
    panel = browser.js("document.getElementById('panel').innerText")
    for text in (
        "number 3",
        "{obj_1}",
        "CC0-1.0",
        "cut-1",
        str(2**62 + 3),
        "procedural:beach",
        "solver",
        "blend",
        "43.0 dB",
    ):
        assert text in panel


def test_layers_lie_where_the_objects_are(fresh, page):
    fresh.open(page + "#sample=0000000000")
    fresh.until(OPEN)
    visible = "[...document.querySelectorAll('#frame {}')].filter(e => e.offsetWidth > 0).length"
    assert [fresh.js(visible.format(kind)) for kind in (".box", ".tint", ".isolated")] == [0, 0, 0]
    fresh.key("b", "m", "c")
    assert [fresh.js(visible.format(kind)) for kind in (".box", ".tint", ".isolated")] == [2, 2, 1]
    box = fresh.js("""(([all, box]) => [box.left - all.left, box.top - all.top, box.width].map(x => x / all.width))
        (['#frame', '.box'].map(one => document.querySelector(one).getBoundingClientRect()))""")
    assert box == pytest.approx([0.1, 0.5, 0.25], abs=0.01)
    alpha = "document.querySelector('.isolated canvas').getContext('2d').getImageData({}, {}, 1, 1).data[3]"
    fresh.until(alpha.format(20, 60) + " === 255 && " + alpha.format(60, 60) + " === 255")
    assert fresh.js(alpha.format(5, 5)) == 0
    fresh.until("document.querySelectorAll('.preview canvas').length === 2")


def test_ratings_show_stay_and_can_be_taken_back(fresh, page):
    fresh.js("document.querySelector('.tile').focus()")
    fresh.key("4", "ArrowRight", "2", "ArrowRight", "5", "0", "Enter")
    fresh.until(OPEN)
    fresh.key("3")
    assert fresh.js("document.querySelectorAll('.rating .on').length") == 3
    fresh.open(page)
    assert fresh.js("[...document.querySelectorAll('.stars')].map(s => s.textContent.length).slice(0, 4)") == [
        4,
        2,
        3,
        0,
    ]
    assert "rated 4 of 5" in fresh.js("document.querySelector('.tile').getAttribute('aria-label')")
    assert fresh.js("document.getElementById('rated').textContent") == "3"


def test_digits_typed_into_the_search_rate_nothing(fresh):
    fresh.js("document.getElementById('query').focus()")
    fresh.key("5")
    assert fresh.js("document.getElementById('query').value") == "5"
    assert fresh.js("ratings.size") == 0


def test_ratings_work_where_storage_is_refused(browser, page):
    browser.open("about:blank")
    refuse = (
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } })"
    )
    browser.send("Page.addScriptToEvaluateOnNewDocument", source=refuse)
    browser.navigate(page)
    browser.js("document.querySelector('.tile').focus()")
    browser.key("4")
    assert browser.js("labelsCsv()") == "sample_id,rating\r\n0000000000,4\r\n"
    assert complaints(browser) == []


def test_labels_download_as_csv(fresh, tmp_path):
    fresh.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    assert fresh.js("document.getElementById('download').disabled") is True
    fresh.js("document.querySelector('.tile').focus()")
    fresh.key("1", "ArrowRight", "5")
    fresh.js("document.getElementById('download').click()")
    deadline = time.monotonic() + 20
    while not (tmp_path / "labels.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (tmp_path / "labels.csv").read_bytes() == b"sample_id,rating\r\n0000000000,1\r\n0000000001,5\r\n"
    assert complaints(fresh) == []


def test_no_label_is_a_formula(fresh):
    fresh.js("""for (const id of ['=1+1', '+2', '-3', '@sum', '\\tx', 'a,"b"\\n']) ratings.set(id, 1)""")
    assert fresh.js("labelsCsv()") == (
        'sample_id,rating\r\n\'\tx,1\r\n\'+2,1\r\n\'-3,1\r\n\'=1+1,1\r\n\'@sum,1\r\n"a,""b""\n",1\r\n'
    )


@pytest.mark.parametrize(("width", "height"), [(390, 844), (768, 1024), (1440, 900)])
def test_nothing_is_wider_than_the_window_or_under_another(browser, page, width, height):
    browser.open(page, width, height)
    assert browser.js("document.documentElement.scrollWidth") <= width
    browser.js("document.getElementById('concepts').open = true")
    assert browser.js("""(menu => { const { left, top, bottom } = menu.getBoundingClientRect();
        return [top + 9, bottom - 9].every(y => menu.contains(document.elementFromPoint(left + 9, y))) })
        (document.getElementById('concept-choices'))""")
    browser.open(page + "#sample=0000000001", width, height)
    browser.until(OPEN)
    dialog = browser.js(
        "(d => [d.left, d.right, d.top, d.bottom])(document.getElementById('detail').getBoundingClientRect())"
    )
    assert min(dialog) >= 0
    assert (max(dialog[1], width), max(dialog[3], height)) == (width, height)


def test_the_page_follows_the_readers_choice_of_light_or_dark(browser, page):
    for dark, ground in ((False, "rgb(247, 246, 243)"), (True, "rgb(19, 19, 20)")):
        browser.open(page, dark=dark)
        assert browser.js("getComputedStyle(document.body).backgroundColor") == ground


def test_every_control_has_a_name_for_those_who_do_not_see_it(browser, page):
    browser.open(page + "#sample=0000000001")
    browser.send("Accessibility.enable")
    nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
    roles = ("button", "combobox", "searchbox", "checkbox", "slider", "image", "dialog", "toolbar")
    nameless = [
        n for n in nodes if not n["ignored"] and n["role"]["value"] in roles and not n.get("name", {}).get("value")
    ]
    assert nameless == []
