"""What axe-core finds on a page, what is lost when text doubles, and where the keyboard stands."""

from __future__ import annotations

from typing import Any

from tests.support.chromium import ChromiumPage
from tests.support.firefox import AXE

AXE_RUN = """(async () => {
  const found = await axe.run(document, {
    resultTypes: ['violations'],
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  });
  return found.violations.map(rule => `${rule.id}: ${rule.help}\\n` + rule.nodes.slice(0, 4).map(node =>
    '    ' + node.html.slice(0, 200) + '\\n      ' + node.any.concat(node.all, node.none).map(check => check.message)
      .join('; ')).join('\\n'));
})()"""

# Text that is cut off, controls that something covers or that lie outside, and a page that scrolls sideways.
LOST = """(() => {
  // Behind a modal dialog nothing can be reached, and nothing should be.
  const lost = [], root = document.documentElement, within = document.querySelector('dialog:modal') ?? document.body;
  const label = node => `<${node.localName}> ${(node.innerText || node.getAttribute('aria-label') || node.id || '')
    .replace(/\\s+/g, ' ').slice(0, 60)}`;
  if (root.scrollWidth > root.clientWidth + 1) {
    lost.push(`the page scrolls sideways: ${root.scrollWidth} > ${root.clientWidth}`);
    for (const node of document.body.querySelectorAll('*'))
      if (node.checkVisibility() && node.getBoundingClientRect().right > root.clientWidth + 1 &&
          ![...node.children].some(child => child.getBoundingClientRect().right > root.clientWidth + 1))
        lost.push(`  reaches ${Math.round(node.getBoundingClientRect().right)}: ${label(node)}`);
  }
  for (const node of within.querySelectorAll('*')) {
    if (!node.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    const style = getComputedStyle(node), box = node.getBoundingClientRect();
    const hiddenOnPurpose = box.width <= 1 || box.height <= 1 || node.closest('[aria-hidden=true], svg');
    if (!hiddenOnPurpose && node.innerText?.trim()) {
      const across = /hidden|clip/.test(style.overflowX) && node.scrollWidth > node.clientWidth + 2;
      const down = /hidden|clip/.test(style.overflowY) && node.scrollHeight > node.clientHeight + 2;
      if (across || down) lost.push(`cut off: ${label(node)}`);
    }
    if (hiddenOnPurpose || !node.matches('a[href], button, input, select, textarea, summary, [tabindex="0"]')) continue;
    if (node.disabled) continue;
    node.scrollIntoView({block: 'center', inline: 'nearest', behavior: 'instant'});
    const here = node.getClientRects()[0];
    if (!here) continue;
    const x = here.left + here.width / 2, y = here.top + here.height / 2;
    const top = document.elementFromPoint(x, y);
    if (!top) lost.push(`out of reach: ${label(node)}`);
    else if (!node.contains(top) && !top.contains(node) && !top.closest('label')?.contains(node)
             && top.closest('label')?.control !== node)
      lost.push(`covered by ${label(top)}: ${label(node)}`);
  }
  scrollTo(0, 0);
  return lost;
})()"""

FOCUS_SHOWS = """(() => {
  const node = document.activeElement;
  // Inside these the browser itself marks the part that has the focus, and the field then has none.
  if (node?.matches('input[type=date], input[type=time]')) return true;
  if (!node || node === document.body || !node.matches(':focus-visible')) return false;
  const shows = style => (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0)
    || style.boxShadow !== 'none';
  const partner = node.nextElementSibling;
  return shows(getComputedStyle(node)) || shows(getComputedStyle(node, '::before'))
    || shows(getComputedStyle(node, '::after')) || shows(getComputedStyle(node.parentElement))
    || Boolean(partner && (shows(getComputedStyle(partner)) || shows(getComputedStyle(partner, '::before'))));
})()"""


async def axe_finds(page: ChromiumPage) -> list[str]:
    """Violations of WCAG 2.2 A and AA and of good practice, each with the elements concerned."""
    if not await page.evaluate("Boolean(window.axe)"):
        await page.run(AXE.read_text())
    found: list[str] = await page.evaluate(AXE_RUN)
    return found


async def finds_in_both_schemes(page: ChromiumPage) -> list[str]:
    """What axe finds in light and in dark."""
    found = []
    for scheme in ("light", "dark"):
        await page.scheme(scheme)
        await settled(page)
        found += [f"{scheme}: {finding}" for finding in await axe_finds(page)]
    return found


async def settled(page: ChromiumPage) -> None:
    """Wait until no transition or finite animation runs: half-faded text has no contrast of its own."""
    await page.wait_for(
        "document.getAnimations().every(one => one.playState !== 'running'"
        " || one.effect.getComputedTiming().endTime === Infinity)"
    )


async def lost_in_double_text(page: ChromiumPage) -> list[str]:
    """What cannot be read or reached once text is twice as large."""
    await page.evaluate("document.documentElement.style.setProperty('font-size', '200%', 'important')")
    try:
        await settled(page)
        lost: list[str] = await page.evaluate(LOST)
        return lost
    finally:
        await page.evaluate("document.documentElement.style.removeProperty('font-size')")


async def focused(page: ChromiumPage, role: str, name: str) -> bool:
    """Whether the keyboard stands on an element with this role and name."""
    here = page.locate(role, name)
    standing: list[Any] = await here.evaluate_all("found => found.filter(one => one === document.activeElement)")
    return bool(standing)


async def tab_to(page: ChromiumPage, role: str, name: str, *, most: int = 80) -> None:
    """Press Tab until the keyboard stands there, seeing at every step where it stands."""
    await page.find(role, name)
    path = []
    for _ in range(most):
        if await focused(page, role, name):
            return
        await page.press("Tab")
        path.append(
            await page.evaluate("document.activeElement.innerText?.slice(0, 40) || document.activeElement.outerHTML")
        )
        on_page = await page.evaluate("document.activeElement !== document.body")
        assert not on_page or await page.evaluate(FOCUS_SHOWS), f"the focus cannot be seen on {path[-1]}"
    raise AssertionError(f"{page.label}: Tab never reaches {role} {name!r}; it went {path}")


async def press_by_keyboard(page: ChromiumPage, role: str, name: str, key: str = "Enter") -> None:
    """Tab to a control and press it."""
    await tab_to(page, role, name)
    await page.press(key)
