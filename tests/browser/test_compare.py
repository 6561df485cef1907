"""The page of comparisons in a real browser: pins, removals, other workloads, keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page


def test_pinning_and_removing_change_the_address_and_the_table(page: Page) -> None:
    page.goto("/compare?rig=4xrtx-4090")
    page.click("a.button[aria-label^='Pin '] >> nth=0")
    page.wait_for_url("**/compare?rig=4xrtx-4090&rig=*")
    assert page.locator("thead .build").count() == 2
    page.click("[aria-label='Remove 4xrtx-4090']")
    page.wait_for_url(lambda url: "4xrtx-4090" not in url)
    assert page.locator("thead .build").count() == 1


def test_the_form_asks_for_another_workload_and_the_link_is_short(page: Page) -> None:
    page.goto("/compare?rig=4xrtx-4090&rig=1xh100-sxm")
    page.fill("#users", "8")
    page.fill("#model", "Qwen/Qwen3-32B")
    page.click("button.primary")
    page.wait_for_url("**/compare?rig=4xrtx-4090&rig=1xh100-sxm&users=8&model=qwen--qwen3-32b")
    assert page.locator("th >> text=Qwen/Qwen3-32B: 8 users of 8,192 tokens").is_visible()


def test_the_cloud_equivalent_is_found_and_pinned(page: Page) -> None:
    page.goto("/compare?rig=2xrtx-3090&model=qwen--qwen3-8b")
    page.click("text=Find it")
    page.wait_for_url("**/compare?rig=2xrtx-3090&rig=*")
    assert page.locator("thead .build").count() == 2


def test_a_column_leads_to_the_configurator_with_the_same_workload(page: Page) -> None:
    page.goto("/compare?rig=4xrtx-4090&rig=1xh100-sxm&users=4")
    page.click("[aria-label='Configure 1xh100-sxm']")
    page.wait_for_url("**/?v=1&rig=1xh100-sxm&users=4")
    assert page.input_value("[name=users]") == "4"


def test_wrong_rigs_stay_in_their_field(page: Page) -> None:
    page.goto("/compare")
    page.fill("#rig-0", "4xrtx-4090")
    page.fill("#rig-1", "2xno-such-card")
    page.keyboard.press("Enter")
    told = page.locator("[role=alert]")
    told.wait_for()
    assert "The second rig" in told.inner_text()
    assert page.input_value("#rig-1") == "2xno-such-card"


def test_all_of_it_works_without_scripts(open_page: Callable[..., Page]) -> None:
    page = open_page(java_script_enabled=False)
    page.goto("/compare")
    page.fill("#rig-0", "4xrtx-4090")
    page.fill("#rig-1", "1xh100-sxm")
    page.click("button.primary")
    page.wait_for_url("**/compare?rig=4xrtx-4090&rig=1xh100-sxm")
    page.click("summary")
    assert page.locator("details.models li").first.is_visible()
