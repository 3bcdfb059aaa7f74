"""The page in a real browser: what only a browser can tell about layout, contrast, links and console errors."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.matrix import LOOKS, anchor_of
from dashboard.publish import CellProof, PageFacts, page
from dashboard.work import Cause
from evidence.controls.catalogue import CATALOGUE

pytestmark = pytest.mark.browser

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
LONG = "acme/a-repository-with-a-name-that-goes-on-and-on-and-has-no-place-to-break-" + "x" * 40

# Every text, with the colour behind it found by walking up to the first element that paints one.
_COLOURS = """
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (colour !== 'rgba(0, 0, 0, 0)') return colour;
  }
  return 'none painted';
};
const found = new Map();
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const parent = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
  if (!text || parent.closest('.hidden, style')) continue;
  const pair = getComputedStyle(parent).color + ' on ' + behind(parent);
  if (!found.has(pair)) found.set(pair, text.slice(0, 40));
}
return [...found];
"""


def _cell(control: str, window: str, state: str, item: str, **changes: Any) -> dict[str, Any]:
    return {
        "control_id": control, "evidence_id": "commits", "window_id": window, "scope_item_id": f"github:{item}",
        "scope_item": item, "state": state, "gap": "none", "until": None, "next_loss": None, "flags": ["late"],
        "holes": [], "population_count": 3, "exceptions_open": 0, "due_at": "2026-05-06T00:00:00Z",
        "deadline_at": "2026-05-11T00:00:00Z", "first_proof_at": None, "revision": 1, **changes,
    }  # fmt: skip


def _page() -> str:
    """A page that shows every state there is, very long names, and every section."""
    months = [f"2026-{month:02d}" for month in range(1, 13)]
    control = CATALOGUE[0].id
    cells = [
        _cell(control, months[number % 12], state, f"acme/{number // 12}", exceptions_open=number % 2)
        for number, state in enumerate(LOOKS)
    ]
    cells += [
        _cell(control, "2026-03", "failed", LONG, gap="recoverable", next_loss="2026-12-16T21:15:00Z"),
        _cell(control, "2026-04", "partial", LONG, gap="unrecoverable", holes=[
            {"from": "2026-04-01T00:00:00Z", "to": "2026-04-02T00:00:00Z", "first_loss": None, "total_loss": None}
        ]),
    ]  # fmt: skip
    exception = {
        "item_id": "github:commit:R_1:" + "a" * 64, "event_time": "2026-04-01T00:00:00Z", "outcome": "exception",
        "codes": ["DIRECT_PUSH"], "explanation": "pushed",
    }  # fmt: skip
    attempt = {"ledger": 7, "recorded_at": "t", "status": "error", "error": "403", "span": "April", "rows": 0}
    proofs = {
        anchor_of(cell): CellProof("because of X", [attempt], [exception], Cause("GitHub denies it.", "contents: read"))
        for cell in cells
    }
    rollup = {
        "verdict": "permanent_gaps", "permanent_gaps": 3, "recoverable_gaps": 4,
        "nearest_until": "2026-12-16T21:15:00Z",
        "awaiting_people": 2, "unconfirmed_empty": 1, "deviations": 3, "covered": 8, "expected": 20, "percent": 40.0,
        "not_applicable": 1, "not_due": 1, "worst": "not_performed",
    }  # fmt: skip
    document = {
        "as_of": "2026-10-02T00:00:00Z", "simulated": True,
        "period": {"start": "2026-01-01", "end": "2026-12-31", "timezone": "Europe/London"},
        "catalogue_digest": "sha256:" + "c" * 64, "ledger_head": "sha256:" + "h" * 64,
        "programme_digest": "sha256:" + "p" * 64, "removed": [], "rollup": rollup, "cells": cells,
        "not_configured": [{"control_id": control, "evidence_id": "x", "system": "google", "reason": "not there"}],
        "scope_undecided": [{"scope_item_id": "aws:1", "scope_item": "demo-data"}],
        "declared_endpoints": ["https://github.example.com/" + "p" * 60],
    }  # fmt: skip
    return page(document, PageFacts("Acme, Inc.", {control: ("A title", ("CC8.1",))}, proofs))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("chromium or chromedriver is not installed: tests/run installs them where it may")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
        "--disable-background-networking", "--disable-sync", f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(_page(), encoding="utf-8")
    return path.as_uri()


def _width(browser: Any, pixels: int) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": pixels < 600},
    )


def _luminance(colour: tuple[int, ...]) -> float:
    """Relative luminance by WCAG 2."""
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(pair: str) -> float:
    first, second = ([int(n) for n in re.findall(r"\d+", part)[:3]] for part in pair.split(" on "))
    light, dark = sorted((_luminance(tuple(first)), _luminance(tuple(second))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_page_opens_from_a_file_without_a_complaint(browser: Any, address: str) -> None:
    browser.get(address)
    assert browser.title.startswith("[SIMULATED] Acme, Inc.")
    assert browser.get_log("browser") == []


def test_a_cell_of_the_matrix_leads_to_what_stands_behind_it(browser: Any, address: str) -> None:
    _width(browser, 1300)
    browser.get(address)
    link = browser.find_element("css selector", "table.matrix td.lost a")
    anchor = link.get_attribute("href").split("#", 1)[1]
    browser.execute_script("arguments[0].click()", link)
    target = browser.find_element("css selector", "article:target")
    assert target.get_attribute("id") == anchor
    top = browser.execute_script("return arguments[0].getBoundingClientRect().top", target)
    assert 0 <= top < 900, "the section is not on the screen"


@pytest.mark.parametrize("pixels", [390, 768, 1300])
def test_the_body_never_scrolls_sideways(browser: Any, address: str, pixels: int) -> None:
    _width(browser, pixels)
    browser.get(address)
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= pixels
    assert browser.execute_script("const s = document.querySelector('.scroll'); return s.scrollWidth >= s.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(browser: Any, address: str, scheme: str) -> None:
    _width(browser, 1300)
    feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", feature)
    browser.get(address)
    browser.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    found = browser.execute_script(_COLOURS)
    assert len(found) > 8, "hardly any colours were found, so nothing was measured"
    unpainted = [pair for pair in found if "none painted" in pair[0]]
    weak = {f"{pair}: {text!r}": round(_contrast(pair), 2) for pair, text in found if _contrast(pair) < 4.5}
    assert not unpainted
    assert not weak


def test_lost_and_recoverable_differ_in_words_without_colour(browser: Any, address: str) -> None:
    browser.get(address)
    shown = {
        tone: {seen.text for seen in browser.find_elements("css selector", f"table.matrix td.{tone} [aria-hidden]")}
        for tone in ("lost", "work")
    }
    assert any("LOST" in text for text in shown["lost"])
    assert any("missing" in text for text in shown["work"])
    assert not shown["lost"] & shown["work"]


def test_the_focus_can_be_seen(browser: Any, address: str) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.get(address)
    browser.find_element("tag name", "body").send_keys(Keys.TAB)
    outline = browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert browser.execute_script("return document.activeElement.tagName") == "A"
    assert outline == "solid"
